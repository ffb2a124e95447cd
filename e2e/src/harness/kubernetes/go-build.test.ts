import assert from 'node:assert/strict';
import { test } from 'node:test';
import { buildProblem } from './go-build.js';

const said = {
  'link: write /root/.cache/x: no space left on device': /the disk is full; a build wants 6 GB/,
  'Get "https://proxy.golang.org/x": dial tcp 10.0.0.1:443: connect: connection refused':
    /the Go module proxy is not reachable; set GOPROXY/,
  'verifying x@v1: checksum mismatch\nSECURITY ERROR': /a module is not the one that go.sum names/,
  'go: go.mod requires go >= 1.26.0 (running go 1.22.1)': /this Go is too old/,
  './main.go:1: undefined: x': /go build said\n.*undefined: x/,
};

for (const [output, sentence] of Object.entries(said)) {
  test(`a build that ends with "${output.split('\n')[0]}" is told how to mend`, () => {
    assert.match(buildProblem('kube-apiserver', output), sentence);
    assert.match(buildProblem('kube-apiserver', output), /^kube-apiserver could not be built: /);
  });
}
