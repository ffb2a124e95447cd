/** CustomResourceDefinitions as YAML, from the schemas. */
import { stringify } from 'yaml';
import { API_GROUP, API_VERSION } from '../types.js';
import type { CustomResource } from '../schema/resources.js';

function definition(resource: CustomResource): unknown {
  const { kind, plural, shortNames, scope, description, spec, status, columns } = resource;
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.${API_GROUP}` },
    spec: {
      group: API_GROUP,
      scope,
      names: { kind, listKind: `${kind}List`, plural, singular: kind.toLowerCase(), shortNames, categories: ['cairn'] },
      versions: [
        {
          name: API_VERSION.slice(API_GROUP.length + 1),
          served: true,
          storage: true,
          subresources: { status: {} },
          additionalPrinterColumns: columns,
          schema: {
            openAPIV3Schema: {
              type: 'object',
              description,
              required: ['spec'],
              properties: { apiVersion: { type: 'string' }, kind: { type: 'string' }, metadata: { type: 'object' }, spec, status },
            },
          },
        },
      ],
    },
  };
}

/** The manifest of one resource and the file it belongs in. */
export function manifest(resource: CustomResource): { file: string; text: string } {
  const head = '# Generated from crds/src/schema; edit there.\n';
  const body = stringify(definition(resource), { lineWidth: 0, aliasDuplicateObjects: false });
  return { file: `${API_GROUP}_${resource.plural}.yaml`, text: head + body };
}
