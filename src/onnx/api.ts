// The part of ONNX Runtime's C API this project calls, under ONNX Runtime's own names. The API is a table of function
// pointers to which releases only append, so a function is known by its position for good.
// https://github.com/microsoft/onnxruntime/blob/main/include/onnxruntime/core/session/onnxruntime_c_api.h
import koffi from 'koffi';

export type Pointer = bigint;

/** Null is success; anything else is an OrtStatus that must be released. */
export type Status = Pointer | null;

/** Where a function leaves the one word (pointer, size or enum) it hands back. */
export type OutWord = BigUint64Array;

/** No function below is newer than this release; `GetApi` refuses older libraries. */
export const apiVersion = 24;

export interface OrtApi {
  GetErrorMessage(status: Pointer): string;
  CreateEnv(logSeverity: number, logId: string, out: OutWord): Status;
  CreateSession(env: Pointer, path: string, options: Pointer, out: OutWord): Status;
  CreateSessionFromArray(
    env: Pointer,
    model: Uint8Array,
    byteLength: number,
    options: Pointer,
    out: OutWord,
  ): Status;
  CreateSessionOptions(out: OutWord): Status;
  SetIntraOpNumThreads(options: Pointer, threads: number): Status;
  SessionGetInputCount(session: Pointer, out: OutWord): Status;
  SessionGetOutputCount(session: Pointer, out: OutWord): Status;
  SessionGetInputTypeInfo(session: Pointer, index: number, out: OutWord): Status;
  SessionGetOutputTypeInfo(session: Pointer, index: number, out: OutWord): Status;
  SessionGetInputName(session: Pointer, index: number, allocator: Pointer, out: OutWord): Status;
  SessionGetOutputName(session: Pointer, index: number, allocator: Pointer, out: OutWord): Status;
  CreateTensorAsOrtValue(
    allocator: Pointer,
    shape: BigInt64Array,
    rank: number,
    elementType: number,
    out: OutWord,
  ): Status;
  CreateTensorWithDataAsOrtValue(
    memoryInfo: Pointer,
    data: Pointer,
    byteLength: number,
    shape: BigInt64Array,
    rank: number,
    elementType: number,
    out: OutWord,
  ): Status;
  GetTensorMutableData(value: Pointer, out: OutWord): Status;
  CastTypeInfoToTensorInfo(typeInfo: Pointer, out: OutWord): Status;
  GetTensorElementType(tensorInfo: Pointer, out: OutWord): Status;
  GetDimensionsCount(tensorInfo: Pointer, out: OutWord): Status;
  GetDimensions(tensorInfo: Pointer, out: BigInt64Array, rank: number): Status;
  CreateMemoryInfo(
    name: string,
    allocatorType: number,
    deviceIndex: number,
    memoryType: number,
    out: OutWord,
  ): Status;
  AllocatorFree(allocator: Pointer, memory: Pointer): Status;
  GetAllocatorWithDefaultOptions(out: OutWord): Status;
  ReleaseEnv(env: Pointer): void;
  ReleaseStatus(status: Pointer): void;
  ReleaseMemoryInfo(memoryInfo: Pointer): void;
  ReleaseSession(session: Pointer): void;
  ReleaseValue(value: Pointer): void;
  ReleaseTypeInfo(typeInfo: Pointer): void;
  ReleaseSessionOptions(options: Pointer): void;
  AddSessionConfigEntry(options: Pointer, key: string, value: string): Status;
  CreateAllocator(session: Pointer, memoryInfo: Pointer, out: OutWord): Status;
  ReleaseAllocator(allocator: Pointer): void;
  RunWithBinding(session: Pointer, runOptions: null, binding: Pointer): Status;
  CreateIoBinding(session: Pointer, out: OutWord): Status;
  ReleaseIoBinding(binding: Pointer): void;
  BindInput(binding: Pointer, name: string, value: Pointer): Status;
  BindOutput(binding: Pointer, name: string, value: Pointer): Status;
  SessionOptionsAppendExecutionProvider_CUDA_V2(options: Pointer, cudaOptions: Pointer): Status;
  CreateCUDAProviderOptions(out: OutWord): Status;
  UpdateCUDAProviderOptions(
    cudaOptions: Pointer,
    keys: readonly string[],
    values: readonly string[],
    count: number,
  ): Status;
  ReleaseCUDAProviderOptions(cudaOptions: Pointer): void;
  Session_GetEpGraphAssignmentInfo(session: Pointer, parts: OutWord, count: OutWord): Status;
  EpAssignedSubgraph_GetEpName(part: Pointer, out: OutWord): Status;
  EpAssignedSubgraph_GetNodes(part: Pointer, nodes: OutWord, count: OutWord): Status;
  EpAssignedNode_GetOperatorType(node: Pointer, out: OutWord): Status;
}

const pointer = 'void *';
const path = process.platform === 'win32' ? 'str16' : 'str';

/** Position, result, arguments. */
const signatures: Record<keyof OrtApi, readonly [number, string, readonly string[]]> = {
  GetErrorMessage: [2, 'str', [pointer]],
  CreateEnv: [3, pointer, ['int', 'str', pointer]],
  CreateSession: [7, pointer, [pointer, path, pointer, pointer]],
  CreateSessionFromArray: [8, pointer, [pointer, pointer, 'size_t', pointer, pointer]],
  CreateSessionOptions: [10, pointer, [pointer]],
  SetIntraOpNumThreads: [24, pointer, [pointer, 'int']],
  SessionGetInputCount: [30, pointer, [pointer, pointer]],
  SessionGetOutputCount: [31, pointer, [pointer, pointer]],
  SessionGetInputTypeInfo: [33, pointer, [pointer, 'size_t', pointer]],
  SessionGetOutputTypeInfo: [34, pointer, [pointer, 'size_t', pointer]],
  SessionGetInputName: [36, pointer, [pointer, 'size_t', pointer, pointer]],
  SessionGetOutputName: [37, pointer, [pointer, 'size_t', pointer, pointer]],
  CreateTensorAsOrtValue: [48, pointer, [pointer, pointer, 'size_t', 'int', pointer]],
  CreateTensorWithDataAsOrtValue: [
    49,
    pointer,
    [pointer, pointer, 'size_t', pointer, 'size_t', 'int', pointer],
  ],
  GetTensorMutableData: [51, pointer, [pointer, pointer]],
  CastTypeInfoToTensorInfo: [55, pointer, [pointer, pointer]],
  GetTensorElementType: [60, pointer, [pointer, pointer]],
  GetDimensionsCount: [61, pointer, [pointer, pointer]],
  GetDimensions: [62, pointer, [pointer, pointer, 'size_t']],
  CreateMemoryInfo: [68, pointer, ['str', 'int', 'int', 'int', pointer]],
  AllocatorFree: [76, pointer, [pointer, pointer]],
  GetAllocatorWithDefaultOptions: [78, pointer, [pointer]],
  ReleaseEnv: [92, 'void', [pointer]],
  ReleaseStatus: [93, 'void', [pointer]],
  ReleaseMemoryInfo: [94, 'void', [pointer]],
  ReleaseSession: [95, 'void', [pointer]],
  ReleaseValue: [96, 'void', [pointer]],
  ReleaseTypeInfo: [98, 'void', [pointer]],
  ReleaseSessionOptions: [100, 'void', [pointer]],
  AddSessionConfigEntry: [130, pointer, [pointer, 'str', 'str']],
  CreateAllocator: [131, pointer, [pointer, pointer, pointer]],
  ReleaseAllocator: [132, 'void', [pointer]],
  RunWithBinding: [133, pointer, [pointer, pointer, pointer]],
  CreateIoBinding: [134, pointer, [pointer, pointer]],
  ReleaseIoBinding: [135, 'void', [pointer]],
  BindInput: [136, pointer, [pointer, 'str', pointer]],
  BindOutput: [137, pointer, [pointer, 'str', pointer]],
  SessionOptionsAppendExecutionProvider_CUDA_V2: [204, pointer, [pointer, pointer]],
  CreateCUDAProviderOptions: [205, pointer, [pointer]],
  UpdateCUDAProviderOptions: [206, pointer, [pointer, 'str *', 'str *', 'size_t']],
  ReleaseCUDAProviderOptions: [208, 'void', [pointer]],
  Session_GetEpGraphAssignmentInfo: [407, pointer, [pointer, pointer, pointer]],
  EpAssignedSubgraph_GetEpName: [408, pointer, [pointer, pointer]],
  EpAssignedSubgraph_GetNodes: [409, pointer, [pointer, pointer, pointer]],
  EpAssignedNode_GetOperatorType: [412, pointer, [pointer, pointer]],
};

/** Turns the table at `address` into functions. */
export function decodeApi(address: Pointer): OrtApi {
  const pointerBytes = koffi.sizeof(pointer);
  const functions = Object.entries(signatures).map(([name, [position, result, parameters]]) => [
    name,
    koffi.decode(
      koffi.decode(address, position * pointerBytes, pointer),
      koffi.proto(result, [...parameters]),
    ),
  ]);
  return Object.fromEntries(functions) as OrtApi;
}
