/** Writes a traced graph down as an ONNX model. Equal nodes are written once, so rules in vjp.ts may state a forward value again for free. */
import { create, toBinary } from '@bufbuild/protobuf';
import {
  AttributeProto_AttributeType,
  AttributeProtoSchema,
  GraphProtoSchema,
  ModelProtoSchema,
  type NodeProto,
  NodeProtoSchema,
  StringStringEntryProtoSchema,
  type TensorProto,
  TensorProto_DataLocation,
  TensorProtoSchema,
  type ValueInfoProto,
  ValueInfoProtoSchema,
} from 'onnx-buf';
import { emitters } from './emit.ts';
import { onnxTypes } from './element-types.ts';
import { type Dtype, dtypeOf, sizeOf, type Tensor, type TensorData, topological } from './graph.ts';

/** Attribute of an ONNX node. A `Float` is a number written as a float, a plain number an int. */
export type OnnxAttribute = number | string | readonly number[] | { float: number };

/** Where emitters write to. Names are those of ONNX values. */
export interface Writer {
  /** A node with one output; returns the output's name. Nodes with the same content are written once. */
  node(type: string, inputs: readonly string[], attributes?: Record<string, OnnxAttribute>, domain?: string): string;
  /** Numbers in the model. Small equal ones are written once. */
  constant(data: TensorData, shape: readonly number[]): string;
  /** An int64 vector: shapes, axes, pads. */
  ints(values: readonly number[]): string;
}

/** A named value of a compiled model. */
export interface Port {
  name: string;
  shape: readonly number[];
  dtype: Dtype;
}

/** A port some of whose dimensions are known only when it is fed: those have names. */
export interface SymbolicPort extends Omit<Port, 'shape'> {
  shape: readonly (number | string)[];
}

/** A file beside the model that holds its large numbers: an ONNX file itself ends at 2 GB. */
export interface DataFile {
  name: string;
  /** Appends bytes; returns where they begin. */
  append(bytes: Uint8Array): number;
}

export interface OnnxModel {
  bytes: Uint8Array;
  /** What must be fed: the inputs that the outputs depend on and that are not bound. */
  inputs: Port[];
  outputs: Port[];
}

/** Numbers of inputs that become part of the model: weights for inference, which ONNX Runtime then packs once. */
export type Bindings = ReadonlyMap<string, { readonly shape: readonly number[]; readonly data: TensorData }>;

const opset = 21;
const contribDomain = 'com.microsoft';

/** The ONNX model of named outputs. Throws RangeError when a bound input's shape differs or two inputs share a name. */
export function toOnnx(outputs: Readonly<Record<string, Tensor>>, bindings: Bindings = new Map()): OnnxModel {
  const state = createWriter();
  const names = new Map<Tensor, string>();
  const inputs: Port[] = [];
  for (const tensor of topological(Object.values(outputs))) {
    names.set(tensor, emitOne(tensor));
  }
  const results: Port[] = Object.entries(outputs).map(([name, tensor]) => {
    state.output(name, names.get(tensor) as string);
    return { name, shape: tensor.shape, dtype: tensor.dtype };
  });
  return { bytes: state.finish(inputs, results, { lastFirst: true }), inputs, outputs: results };

  function emitOne(tensor: Tensor): string {
    if (tensor.op === 'constant') return state.constant(tensor.data as TensorData, tensor.shape);
    if (tensor.op !== 'input') {
      return emitters[tensor.op](
        state,
        tensor,
        tensor.inputs.map((dependency) => names.get(dependency) as string),
      );
    }
    const name = tensor.attributes.name as string;
    const bound = bindings.get(name);
    if (bound) return state.initializer(name, bound.data, checkedShape(tensor, bound.shape));
    if (inputs.some((port) => port.name === name)) throw new RangeError(`two inputs are named ${name}`);
    inputs.push({ name, shape: tensor.shape, dtype: tensor.dtype });
    return name;
  }
}

function checkedShape(tensor: Tensor, shape: readonly number[]): readonly number[] {
  if (shape.join() === tensor.shape.join()) return shape;
  throw new RangeError(`${tensor.attributes.name} is [${shape}], the graph wants [${tensor.shape}]`);
}

/** A model in the making. Whoever writes a graph by hand declares its inputs and outputs when it is finished. */
export interface ModelWriter extends Writer {
  /** Numbers under a name of their own. */
  initializer(name: string, data: TensorData, shape: readonly number[]): string;
  /** Makes a value an output of the model, under this name. */
  output(name: string, value: string): void;
  /**
   * `lastFirst`: nodes in reverse order, which ONNX forbids and ONNX Runtime reads. It computes depth first, the last written first: so
   * it takes them in the order in which they were traced, and a gradient is summed up as soon as it can be, not after all others.
   */
  finish(inputs: readonly SymbolicPort[], outputs: readonly SymbolicPort[], order?: { lastFirst: boolean }): Uint8Array;
}

/** `dataFile`: where the numbers of initializers go; without one, they are part of the model. */
export function createWriter(dataFile?: DataFile): ModelWriter {
  const nodes: NodeProto[] = [];
  const initializers: TensorProto[] = [];
  const known = new Map<string, string>();
  const outputOf = new Map<string, NodeProto>();
  let counter = 0;

  const once = (key: string, make: (name: string) => void): string => {
    const existing = known.get(key);
    if (existing !== undefined) return existing;
    const name = `v${counter++}`;
    known.set(key, name);
    make(name);
    return name;
  };
  const initializer = (name: string, data: TensorData, shape: readonly number[]): string => {
    initializers.push(tensorProto(name, data, shape, data.byteLength < INLINE_BYTES ? undefined : dataFile));
    return name;
  };
  const writeNode = (name: string, type: string, inputs: readonly string[], attributes: object, domain: string) => {
    const attribute = Object.entries(attributes).map(([key, value]) => attributeProto(key, value));
    const proto = create(NodeProtoSchema, {
      opType: type,
      domain,
      input: [...inputs],
      output: [name],
      attribute,
      name,
    });
    nodes.push(proto);
    outputOf.set(name, proto);
  };
  const writer: Writer = {
    node: (type, inputs, attributes = {}, domain = '') =>
      once(JSON.stringify([domain, type, inputs, attributes]), (name) =>
        writeNode(name, type, inputs, attributes, domain),
      ),
    constant: (data, shape) =>
      once(keyOfConstant(data, shape) ?? `large ${counter}`, (name) => initializer(name, data, shape)),
    ints: (values) => writer.constant(BigInt64Array.from(values, BigInt), [values.length]),
  };
  return {
    ...writer,
    initializer,
    output: (name, value) => writeNode(name, 'Identity', [value], {}, ''),
    finish: (inputs, outputs, { lastFirst } = { lastFirst: false }) => {
      forwardOutputs(nodes, outputOf, outputs);
      return toBinary(
        ModelProtoSchema,
        create(ModelProtoSchema, {
          irVersion: 10n,
          producerName: 'newshound',
          opsetImport: [
            { domain: '', version: BigInt(opset) },
            { domain: contribDomain, version: 1n },
          ],
          graph: create(GraphProtoSchema, {
            name: 'graph',
            node: lastFirst ? nodes.toReversed() : nodes,
            initializer: initializers,
            input: inputs.map(valueInfo),
            output: outputs.map(valueInfo),
          }),
        }),
      );
    },
  };
}

/** Lets a node write a graph output itself where it can, so that large gradients are not copied by an Identity. */
function forwardOutputs(
  nodes: NodeProto[],
  outputOf: ReadonlyMap<string, NodeProto>,
  outputs: readonly SymbolicPort[],
): void {
  for (const { name } of outputs) {
    const identity = outputOf.get(name) as NodeProto;
    const [value] = identity.input;
    const source = outputOf.get(value);
    if (!source || source.output[0] !== value || outputs.some((port) => port.name === value)) continue;
    nodes.splice(nodes.indexOf(identity), 1);
    source.output[0] = name;
    for (const { input } of nodes) {
      input.forEach((reader, i) => {
        if (reader === value) input[i] = name;
      });
    }
  }
}

/** Below this, numbers stay in the model: shapes and constants must be known where only the model is read. */
const INLINE_BYTES = 1024;

/** Small equal constants share it, and are written once: for the model, and for what `peakBytes` counts of it. Null: a large one. */
export function keyOfConstant(data: TensorData, shape: readonly number[]): string | null {
  return data.length <= 64 ? JSON.stringify([dtypeOf(data), shape, Array.from(data, String)]) : null;
}

function tensorProto(name: string, data: TensorData, shape: readonly number[], dataFile?: DataFile): TensorProto {
  if (data.length !== sizeOf(shape)) throw new RangeError(`${name} [${shape}] holds ${data.length} numbers`);
  const bytes = new Uint8Array(data.buffer as ArrayBuffer, data.byteOffset, data.byteLength);
  const common = { name, dims: shape.map(BigInt), dataType: onnxTypes[dtypeOf(data)] };
  if (!dataFile) return create(TensorProtoSchema, { ...common, rawData: bytes });
  const place = { location: dataFile.name, offset: dataFile.append(bytes), length: bytes.length };
  return create(TensorProtoSchema, {
    ...common,
    dataLocation: TensorProto_DataLocation.EXTERNAL,
    externalData: Object.entries(place).map(([key, value]) =>
      create(StringStringEntryProtoSchema, { key, value: String(value) }),
    ),
  });
}

function valueInfo({ name, shape, dtype }: SymbolicPort): ValueInfoProto {
  const dim = shape.map((n) => ({
    value:
      typeof n === 'string' ? { case: 'dimParam' as const, value: n } : { case: 'dimValue' as const, value: BigInt(n) },
  }));
  return create(ValueInfoProtoSchema, {
    name,
    type: { value: { case: 'tensorType', value: { elemType: onnxTypes[dtype], shape: { dim } } } },
  });
}

function attributeProto(name: string, value: OnnxAttribute) {
  if (typeof value === 'number') {
    return create(AttributeProtoSchema, { name, type: AttributeProto_AttributeType.INT, i: BigInt(value) });
  }
  if (typeof value === 'string') {
    const s = new TextEncoder().encode(value) as Uint8Array<ArrayBuffer>;
    return create(AttributeProtoSchema, { name, type: AttributeProto_AttributeType.STRING, s });
  }
  if ('float' in value) {
    return create(AttributeProtoSchema, { name, type: AttributeProto_AttributeType.FLOAT, f: value.float });
  }
  return create(AttributeProtoSchema, { name, type: AttributeProto_AttributeType.INTS, ints: value.map(BigInt) });
}
