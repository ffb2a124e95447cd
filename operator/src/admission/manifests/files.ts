/** The chart's templates of webhooks and fence, from the one source that the tests apply too. */
import { stringify } from 'yaml';
import { fencePolicies } from './fence.js';
import { webhookConfigurations } from './webhooks.js';

const NAMESPACE = 'RELEASE-NAMESPACE';
const IMAGE = 'SIDECAR-IMAGE';
const OPERATOR_URL = 'OPERATOR-URL';
const FRAMEWORKS = 'FRAMEWORK-RULES';

const HEAD = '# Made by `make generate` from operator/src/admission/manifests: change it there.\n';

/** Every group of a trusted kind; the operator stamps the kinds that were declared and passes over the others. */
const FRAMEWORK_RULES = `{{- range .Values.trustedControllers }}
      {{- range .kinds }}
      - apiGroups: [{{ regexReplaceAll "^[^.]+\\\\." . "" | quote }}]
        apiVersions: ["*"]
        resources: ["*"]
        operations: [CREATE, UPDATE]
      {{- end }}
      {{- end }}`;

function template(objects: readonly object[]): string {
  const text = objects.map((object) => stringify(object, { lineWidth: 0, aliasDuplicateObjects: false })).join('---\n');
  return (
    HEAD +
    text
      .replaceAll(new RegExp(` *- ${FRAMEWORKS}: true\\n`, 'g'), `      ${FRAMEWORK_RULES}\n`)
      .replaceAll(OPERATOR_URL, '{{ .Values.issuer | default (printf "https://cairn-operator.%s.svc:8443" .Release.Namespace) }}')
      .replaceAll(NAMESPACE, '{{ .Release.Namespace }}')
      .replaceAll(IMAGE, '{{ include "cairn.image" (dict "image" .Values.sidecar.image "version" .Chart.AppVersion) }}')
  );
}

/** Paths from the repository's root, with their contents. */
export function admissionManifests(): ReadonlyMap<string, string> {
  const client = (path: string): object => ({ service: { name: 'cairn-operator', namespace: NAMESPACE, port: 443, path } });
  const webhooks = webhookConfigurations({ name: 'cairn', namespace: NAMESPACE, client, frameworks: [{ [FRAMEWORKS]: true }] });
  return new Map([
    ['charts/cairn/templates/admission-webhooks.yaml', template(webhooks)],
    [
      'charts/cairn/templates/validating-admission-policy.yaml',
      template(fencePolicies({ namespace: NAMESPACE, sidecarImage: IMAGE, operatorUrl: OPERATOR_URL })),
    ],
  ]);
}
