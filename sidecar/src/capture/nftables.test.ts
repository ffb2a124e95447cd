import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { nftablesScript } from './nftables.js';

const RULES = { sidecarUid: 1337, outboundPort: 15001, inboundPort: 15006, inboundPorts: [8080, 9090], dnsPort: 15053, adminPort: 15020 };
const script = nftablesScript(RULES);

/** Rules of one chain, in order. */
function chain(name: string, text = script): string[] {
  const body = new RegExp(`chain ${name} \\{\\n([^}]*(?:\\{[^}]*\\}[^}]*)*?)\\n?  \\}`).exec(text)?.[1] ?? '';
  return body
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
}

describe('the capture rules', () => {
  it('are one transaction that may be run again', () => {
    assert.match(script, /^table inet cairn\ndelete table inet cairn\ntable inet cairn \{/);
    assert.equal(script.match(/\{/g)?.length, script.match(/\}/g)?.length);
  });

  it('redirect names first, then TCP, and leave loopback alone', () => {
    assert.deepEqual(chain('outbound'), [
      'type nat hook output priority -100; policy accept;',
      'meta skuid 1337 return',
      'udp dport 53 redirect to :15053',
      'oif "lo" return',
      'meta l4proto tcp redirect to :15001',
    ]);
  });

  it('reject everything that was not redirected: the last rule has no condition', () => {
    assert.deepEqual(chain('fence'), [
      'type filter hook output priority 0; policy accept;',
      'meta skuid 1337 accept',
      'tcp dport 15020 counter reject with tcp reset',
      'tcp sport { 15001, 15006 } tcp flags & (syn | ack) == syn | ack counter drop',
      'oif "lo" accept',
      'ct status dnat ip daddr 127.0.0.1 accept',
      'ct status dnat ip6 daddr ::1 accept',
      'ct state established,related ct direction reply accept',
      'meta skuid 0-4294967295 counter reject with icmpx admin-prohibited',
      'ct state established,related accept',
      'icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert, nd-router-solicit, nd-router-advert } accept',
      'counter reject with icmpx admin-prohibited',
    ]);
  });

  it("track the sidecar's own questions apart from an agent's", () => {
    assert.deepEqual(chain('questions'), [
      'type filter hook output priority -300; policy accept;',
      'meta skuid 1337 udp dport 53 ct original zone set 1',
    ]);
  });

  it('let no loopback address out by a device that a socket was bound to', () => {
    assert.deepEqual(chain('edge').slice(-2), ['ip daddr 127.0.0.0/8 counter drop', 'ip6 daddr ::1 counter drop']);
  });

  it('let nobody in but to the inbound listener', () => {
    assert.deepEqual(
      chain('entry').filter((line) => line.includes('dport')),
      ['tcp dport 15006 accept'],
    );
    assert.equal(chain('entry').at(-1), 'counter reject with icmpx admin-prohibited');
  });

  it('exempt the sidecar by its UID alone', () => {
    assert.doesNotMatch(script, /skgid|mark|cgroup|owner/);
    assert.equal(script.match(/skuid 1337/g)?.length, 4);
    assert.doesNotMatch(nftablesScript({ ...RULES, sidecarUid: 2000 }), /1337/);
  });

  it('take connections from outside to the application through the inbound listener', () => {
    const hook = 'type nat hook prerouting priority -100; policy accept;';
    assert.deepEqual(chain('inbound'), [hook, 'iif != "lo" tcp dport { 8080, 9090 } redirect to :15006']);
    assert.deepEqual(chain('inbound', nftablesScript({ ...RULES, inboundPorts: [] })), [hook]);
  });
});
