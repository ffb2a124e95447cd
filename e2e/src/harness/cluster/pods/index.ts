/** The cluster's own pods: the one that holds a pod's namespaces, and DNS. */
import { programImage, type Image } from '../../images/index.js';
import { DNS_IMAGE } from './dns.js';
import { podPrograms } from './programs.js';

export const PAUSE_IMAGE = 'cairn-test/pause:latest';
export { dnsObjects } from './dns.js';
export { podPrograms } from './programs.js';

/** Their images, from the cache. */
export async function podImages(): Promise<Image[]> {
  const { coredns, pause } = await podPrograms();
  return [await programImage(PAUSE_IMAGE, pause, 65_535), await programImage(DNS_IMAGE, coredns, 65_532)];
}
