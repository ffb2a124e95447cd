// Command protobuf-schema writes how each kind of Kubernetes' own API groups reads from protobuf into the JSON that the API gives.
//
// The .proto files do not say enough for that: which fields JSON writes inline, by which names and with what omitted is in the tags of the
// Go types that both are made from. So the schema is taken from those types. What it cannot say ends it with the type's name.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"runtime/debug"
	"sort"
	"strconv"
	"strings"

	apiextensions "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/scheme"
	apiregistration "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"
	metrics "k8s.io/metrics/pkg/apis/metrics/v1beta1"
)

// Types whose JSON is their own. Each has its function in the reader.
var own = map[string]string{
	"k8s.io/apimachinery/pkg/apis/meta/v1.Time":                                             "time",
	"k8s.io/apimachinery/pkg/apis/meta/v1.MicroTime":                                        "microTime",
	"k8s.io/apimachinery/pkg/apis/meta/v1.Duration":                                         "duration",
	"k8s.io/apimachinery/pkg/apis/meta/v1.FieldsV1":                                         "rawJson",
	"k8s.io/apimachinery/pkg/api/resource.Quantity":                                         "quantity",
	"k8s.io/apimachinery/pkg/util/intstr.IntOrString":                                       "intOrString",
	"k8s.io/apimachinery/pkg/runtime.RawExtension":                                          "rawObject",
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1.JSON":                         "rawJson",
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1.JSONSchemaPropsOrBool":        "schemaOrBool",
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1.JSONSchemaPropsOrArray":       "schemaOrArray",
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1.JSONSchemaPropsOrStringArray": "schemaOrStrings",
}

type protobuf interface{ Marshal() ([]byte, error) }

var (
	protobufType = reflect.TypeFor[protobuf]()
	jsonType     = reflect.TypeFor[json.Marshaler]()
)

// Of a field: number, name in JSON, type (a scalar, one of own, or the index of a message), and its form: "*", "[]" or "{}" and then o
// (omitempty), z (omitzero), i (inline).
type field [4]any

type message struct {
	Name   string  `json:"name"`
	Fields []field `json:"fields"`
}

type schema struct {
	Version  string                    `json:"version"`
	Kinds    map[string]map[string]int `json:"kinds"`
	Messages []*message                `json:"messages"`
	index    map[reflect.Type]int
}

func main() {
	known := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{scheme.AddToScheme, meta.AddMetaToScheme, apiextensions.AddToScheme, apiregistration.AddToScheme, metrics.AddToScheme} {
		if err := add(known); err != nil {
			panic(err)
		}
	}
	out := &schema{Version: version("k8s.io/api"), Kinds: map[string]map[string]int{}, index: map[reflect.Type]int{}}
	types := known.AllKnownTypes()
	kinds := make([]string, 0, len(types))
	byName := map[string]reflect.Type{}
	for kind, t := range types {
		if kind.Version == runtime.APIVersionInternal || !isProtobuf(t) {
			continue
		}
		name := kind.GroupVersion().String() + " " + kind.Kind
		kinds = append(kinds, name)
		byName[name] = t
	}
	sort.Strings(kinds)
	for _, name := range kinds {
		version, kind, _ := strings.Cut(name, " ")
		if out.Kinds[version] == nil {
			out.Kinds[version] = map[string]int{}
		}
		out.Kinds[version][kind] = out.message(byName[name])
	}
	if err := json.NewEncoder(os.Stdout).Encode(out); err != nil {
		panic(err)
	}
}

func version(module string) string {
	info, _ := debug.ReadBuildInfo()
	for _, each := range info.Deps {
		if each.Path == module {
			return each.Version
		}
	}
	panic("not built with " + module)
}

func isProtobuf(t reflect.Type) bool { return reflect.PointerTo(t).Implements(protobufType) }

func nameOf(t reflect.Type) string { return t.PkgPath() + "." + t.Name() }

func (s *schema) message(t reflect.Type) int {
	if at, ok := s.index[t]; ok {
		return at
	}
	at := len(s.Messages)
	s.index[t] = at
	m := &message{Name: nameOf(t), Fields: []field{}}
	s.Messages = append(s.Messages, m)
	for i := range t.NumField() {
		if f, ok := s.field(t, t.Field(i)); ok {
			m.Fields = append(m.Fields, f)
		}
	}
	return at
}

func (s *schema) field(in reflect.Type, f reflect.StructField) (field, bool) {
	tag := f.Tag.Get("protobuf")
	parts := strings.Split(f.Tag.Get("json"), ",")
	if tag == "" || tag == "-" || parts[0] == "-" {
		return field{}, false
	}
	number, err := strconv.Atoi(strings.Split(tag, ",")[1])
	if err != nil {
		panic(fmt.Sprintf("%s.%s has no number in %q", in, f.Name, tag))
	}
	flags := ""
	for _, option := range parts[1:] {
		switch option {
		case "omitempty":
			flags += "o"
		case "omitzero":
			flags += "z"
		case "inline":
			flags += "i"
		default:
			panic(fmt.Sprintf("%s.%s has the option %q", in, f.Name, option))
		}
	}
	name := parts[0]
	if name == "" && !strings.Contains(flags, "i") {
		if !f.Anonymous {
			name = f.Name
		} else {
			flags += "i"
		}
	}
	form, kind := s.formed(f.Type, fmt.Sprintf("%s.%s", in, f.Name))
	return field{number, name, kind, form + flags}, true
}

func (s *schema) formed(t reflect.Type, where string) (string, any) {
	switch {
	case t.Kind() == reflect.Pointer:
		return "*", s.kind(t.Elem(), where)
	case isProtobuf(t) || t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Uint8:
		return "", s.kind(t, where)
	case t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Pointer:
		return "[]", s.kind(t.Elem().Elem(), where)
	case t.Kind() == reflect.Slice:
		return "[]", s.kind(t.Elem(), where)
	case t.Kind() == reflect.Map && t.Key().Kind() == reflect.String:
		return "{}", s.kind(t.Elem(), where)
	default:
		return "", s.kind(t, where)
	}
}

func (s *schema) kind(t reflect.Type, where string) any {
	if name, ok := own[nameOf(t)]; ok {
		return name
	}
	if reflect.PointerTo(t).Implements(jsonType) {
		panic(fmt.Sprintf("%s has JSON of its own at %s", nameOf(t), where))
	}
	switch t.Kind() {
	case reflect.String:
		return "string"
	case reflect.Bool:
		return "bool"
	case reflect.Int32:
		return "int32"
	case reflect.Int, reflect.Int64:
		return "int64"
	case reflect.Float64:
		return "double"
	case reflect.Struct:
		return s.message(t)
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			return "bytes"
		}
		// A slice with a name of its own is a message around its items.
		if isProtobuf(t) && t.Elem().Kind() == reflect.String {
			return "strings"
		}
	}
	panic(fmt.Sprintf("%s at %s is of no kind that is read", t, where))
}
