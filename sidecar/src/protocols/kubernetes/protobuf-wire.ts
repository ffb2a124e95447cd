/** How protobuf is encoded (https://protobuf.dev/programming-guides/encoding), and what Kubernetes puts before it. */

/** Wire types. */
export const WIRE = { varint: 0, fixed64: 1, bytes: 2, fixed32: 5 } as const;
export const MAX_VARINT_BYTES = 10;
/** Begins every object (k8s.io/apimachinery/pkg/runtime/serializer/protobuf). */
export const KUBERNETES_MAGIC = 'k8s\0';
