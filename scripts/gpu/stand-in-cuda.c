// A CUDA runtime for a machine that has none: device memory is the host's, copies copy, kernels do nothing. Enough for ONNX
// Runtime's CUDA provider to place every node of a graph and to move every tensor, so that both can be checked; what a
// graph computes is rubbish. Sizes and offsets are CUDA 13's. without-gpu.sh adds all other functions, as doing nothing.
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

enum { HOST_TO_DEVICE = 1, DEVICE_TO_HOST = 2 };
enum { ATTRIBUTE_PROCESSORS = 16, ATTRIBUTE_MAJOR = 75, ATTRIBUTE_MINOR = 76, ATTRIBUTE_SHARED_MEMORY = 97 };
static const size_t memory = 8ull << 30;

static int set(char *structure, size_t offset, int value) {
  memcpy(structure + offset, &value, sizeof value);
  return 0;
}

static int make(void **handle) {
  *handle = malloc(8);
  return 0;
}

int cudaGetDeviceCount(int *count) { return *count = 1, 0; }
int cudaGetDevice(int *device) { return *device = 0; }
int cudaDriverGetVersion(int *version) { return *version = 13000, 0; }
int cudaRuntimeGetVersion(int *version) { return *version = 13000, 0; }
int cudaMemGetInfo(size_t *available, size_t *total) { return *available = *total = memory, 0; }

/** A device of compute capability 9.0. */
int cudaGetDeviceProperties(char *properties, int device) {
  memset(properties, 0, 1008);
  memcpy(properties + 288, &memory, sizeof memory);
  set(properties, 296, 49152);    // sharedMemPerBlock
  set(properties, 304, 65536);    // regsPerBlock
  set(properties, 308, 32);       // warpSize
  set(properties, 320, 1024);     // maxThreadsPerBlock
  set(properties, 336, 1 << 30);  // maxGridSize
  set(properties, 360, 9);        // major
  set(properties, 384, 132);      // multiProcessorCount
  set(properties, 604, 2048);     // maxThreadsPerMultiProcessor
  return set(properties, 672, 232448);  // sharedMemPerBlockOptin
}

int cudaDeviceGetAttribute(int *value, int attribute, int device) {
  *value = attribute == ATTRIBUTE_MAJOR           ? 9
           : attribute == ATTRIBUTE_MINOR         ? 0
           : attribute == ATTRIBUTE_PROCESSORS    ? 132
           : attribute == ATTRIBUTE_SHARED_MEMORY ? 232448
                                                  : 1024;
  return 0;
}

int cudaFuncGetAttributes(char *attributes, const void *function) {
  memset(attributes, 0, 144);
  set(attributes, 24, 1024);       // maxThreadsPerBlock
  return set(attributes, 36, 90);  // binaryVersion
}

int cudaPointerGetAttributes(char *attributes, const void *pointer) {
  memset(attributes, 0, 88);
  return set(attributes, 0, 2);  // device memory
}

int cudaOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(int *blocks) { return *blocks = 2, 0; }

/** What is allocated on the device now, for whoever asks. */
size_t standInAllocated = 0;

static int allocate(void **pointer, size_t size) {
  *pointer = aligned_alloc(512, (size + 511) / 512 * 512);
  return 0;
}
int cudaMalloc(void **pointer, size_t size) {
  allocate(pointer, size);
  standInAllocated += malloc_usable_size(*pointer);
  return 0;
}
int cudaMallocHost(void **pointer, size_t size) { return allocate(pointer, size); }
int cudaHostAlloc(void **pointer, size_t size, unsigned flags) { return allocate(pointer, size); }
int cudaFree(void *pointer) {
  standInAllocated -= malloc_usable_size(pointer);
  return free(pointer), 0;
}
int cudaFreeHost(void *pointer) { return free(pointer), 0; }

/** What has been copied so far, for whoever asks. */
size_t standInToHost = 0, standInToDevice = 0;

int cudaMemcpy(void *to, const void *from, size_t size, int kind) {
  if (kind == DEVICE_TO_HOST) standInToHost += size;
  if (kind == HOST_TO_DEVICE) standInToDevice += size;
  return memcpy(to, from, size), 0;
}
int cudaMemcpyAsync(void *to, const void *from, size_t size, int kind, void *stream) {
  return cudaMemcpy(to, from, size, kind);
}
int cudaMemset(void *to, int value, size_t size) { return memset(to, value, size), 0; }
int cudaMemsetAsync(void *to, int value, size_t size, void *stream) { return memset(to, value, size), 0; }

int cudaStreamCreate(void **stream) { return make(stream); }
int cudaStreamCreateWithFlags(void **stream, unsigned flags) { return make(stream); }
int cudaEventCreate(void **event) { return make(event); }
int cudaEventCreateWithFlags(void **event, unsigned flags) { return make(event); }
const char *cudaGetErrorName(int error) { return "none"; }
const char *cudaGetErrorString(int error) { return "none"; }
void **__cudaRegisterFatBinary(void *binary) { return malloc(8); }

int cublasCreate_v2(void **handle) { return make(handle); }
int cublasLtCreate(void **handle) { return make(handle); }
int cublasLtMatmulAlgoGetHeuristic(void *a, void *b, void *c, void *d, void *e, void *f, void *g, int asked, void *results, int *found) {
  return *found = 1, 0;
}
