/** ONNX's numbers of the element types that the engine knows. */
import { TensorProto_DataType } from 'onnx-buf';
import type { Dtype } from './graph.ts';

export const onnxTypes: Record<Dtype, TensorProto_DataType> = {
  float32: TensorProto_DataType.FLOAT,
  int32: TensorProto_DataType.INT32,
  int64: TensorProto_DataType.INT64,
  bool: TensorProto_DataType.BOOL,
};
