// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// When each kernel of a process ran: a library that the driver loads where
// CUDA_INJECTION64_PATH says, on NVIDIA's CUPTI. At the end of the process
// JET_TIMELINE has a line "BEGIN END NAME" for each, in ns of the GPU's clock.
// Kernels overlap as they do without it.

#include <cupti.h>

#include <cstdio>
#include <cstdlib>

static FILE *file;

static void CUPTIAPI giveBuffer(uint8_t **buffer, size_t *bytes,
                                size_t *maxRecords) {
  *bytes = size_t(8) << 20;
  *buffer = static_cast<uint8_t *>(std::aligned_alloc(8, *bytes));
  *maxRecords = 0;
}

static void CUPTIAPI takeBuffer(CUcontext, uint32_t, uint8_t *buffer, size_t,
                                size_t bytes) {
  CUpti_Activity *record = nullptr;
  while (cuptiActivityGetNextRecord(buffer, bytes, &record) == CUPTI_SUCCESS) {
    if (record->kind != CUPTI_ACTIVITY_KIND_CONCURRENT_KERNEL)
      continue;
    // Later versions of the record only have more behind these fields.
    const auto *kernel =
        reinterpret_cast<const CUpti_ActivityKernel4 *>(record);
    std::fprintf(file, "%llu %llu %s\n",
                 static_cast<unsigned long long>(kernel->start),
                 static_cast<unsigned long long>(kernel->end), kernel->name);
  }
  std::free(buffer);
}

extern "C" int InitializeInjection() {
  const char *path = std::getenv("JET_TIMELINE");
  file = path ? std::fopen(path, "w") : nullptr;
  if (!file || cuptiActivityRegisterCallbacks(giveBuffer, takeBuffer) ||
      cuptiActivityEnable(CUPTI_ACTIVITY_KIND_CONCURRENT_KERNEL)) {
    std::fputs("timeline: expected CUPTI and a file JET_TIMELINE\n", stderr);
    return 0;
  }
  std::atexit([] {
    cuptiActivityFlushAll(CUPTI_ACTIVITY_FLAG_FLUSH_FORCED);
    std::fclose(file);
  });
  return 1;
}
