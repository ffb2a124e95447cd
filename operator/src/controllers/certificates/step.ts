/** Carries a step out on what is held; nothing is written here. */
import type { CertificateStep, Lifetimes } from './decide.js';
import type { HeldCertificates } from './held.js';
import { issueAuthority, issueLeaf } from './issue.js';

/** A CA stays valid for as long again as it signs: what it signed last outlives its successor's introduction. */
const VALID_TIMES = 2;

export interface StepTerms {
  names: readonly string[];
  /** Milliseconds. */
  now: number;
  lifetimes: Lifetimes;
}

export async function firstCertificates({ names, now, lifetimes }: StepTerms): Promise<HeldCertificates> {
  const signing = await issueAuthority(now, lifetimes.caSeconds * VALID_TIMES);
  return { signing, leaf: await issueLeaf(names, signing, now, lifetimes.leafSeconds), previous: [] };
}

export async function certificatesAfter(
  step: CertificateStep,
  held: HeldCertificates | undefined,
  terms: StepTerms,
): Promise<HeldCertificates | undefined> {
  const { names, now, lifetimes } = terms;
  if (step === 'Nothing') return undefined;
  if (!held || step === 'Create') return firstCertificates(terms);
  switch (step) {
    case 'IntroduceCa':
      return { ...held, next: await issueAuthority(now, lifetimes.caSeconds * VALID_TIMES) };
    case 'SwitchCa': {
      const { next, ...rest } = held;
      const leaf = await issueLeaf(names, next!, now, lifetimes.leafSeconds);
      return { ...rest, signing: next!, previous: [held.signing.cert, ...held.previous], leaf };
    }
    case 'RenewLeaf':
      return { ...held, leaf: await issueLeaf(names, held.signing, now, lifetimes.leafSeconds) };
    case 'RetireCa':
      return { ...held, previous: [] };
  }
}
