// CoreDNS with the plugins that a cluster's DNS needs, and no other: the whole of it is three times the size.
package main

import (
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/coremain"

	_ "github.com/coredns/coredns/plugin/errors"
	_ "github.com/coredns/coredns/plugin/hosts"
	_ "github.com/coredns/coredns/plugin/kubernetes"
	_ "github.com/coredns/coredns/plugin/log"
	_ "github.com/coredns/coredns/plugin/ready"
	_ "github.com/coredns/coredns/plugin/template"
)

// The order in which plugins answer. CoreDNS's own has template before hosts and kubernetes: a template that says what
// becomes of every other name would swallow theirs.
func init() {
	dnsserver.Directives = []string{"ready", "errors", "log", "hosts", "kubernetes", "template"}
}

func main() {
	coremain.Run()
}
