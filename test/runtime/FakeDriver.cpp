// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "FakeDriver.h"

#include <cstdlib>
#include <cstring>

namespace jet::cuda {

struct GraphHandle {
  std::vector<test::FakeDriver::Launch> launches;
};

struct EventHandle {
  bool isPending = false; // whether the copies before it go on
};

} // namespace jet::cuda

namespace jet::test {

using namespace cuda;

static FakeDriver *current = nullptr;
static constexpr Status kInvalidImage = 200, kNotFound = 500;

static int64_t inUse() {
  int64_t sum = 0;
  for (const auto &[address, bytes] : current->allocations)
    sum += static_cast<int64_t>(bytes);
  return sum;
}

static void *pointerTo(Address address) {
  return reinterpret_cast<void *>(address);
}

static Status getName(Status status, const char **name) {
  *name = status == kOutOfMemory    ? "CUDA_ERROR_OUT_OF_MEMORY"
          : status == kInvalidImage ? "CUDA_ERROR_INVALID_IMAGE"
                                    : "CUDA_ERROR_OTHER";
  return 0;
}

static Status getString(Status, const char **text) {
  *text = "as told";
  return 0;
}

static Status getAttribute(int *value, int attribute, DeviceHandle) {
  *value = attribute == kCapabilityMajor   ? current->capabilityMajor
           : attribute == kCapabilityMinor ? current->capabilityMinor
                                           : 2;
  return 0;
}

static Status allocate(Address *address, size_t bytes) {
  if (inUse() + static_cast<int64_t>(bytes) > current->memory)
    return kOutOfMemory;
  void *memory = std::malloc(bytes);
  std::memset(memory, 0x5a, bytes); // a device's memory begins as anything
  *address = reinterpret_cast<Address>(memory);
  current->allocations[*address] = bytes;
  return 0;
}

static Status release(Address address) {
  if (!current->allocations.erase(address))
    return 1;
  std::free(pointerTo(address));
  return 0;
}

static Status loadModule(Module *module, const void *image, unsigned options,
                         int *names, void **values) {
  const std::string begin(static_cast<const char *>(image), 4);
  current->images.push_back(begin);
  const bool isPtx = begin == "ptx:";
  if (isPtx ? current->takesPtx : current->takesCubins) {
    *module = reinterpret_cast<Module>(current);
    return 0;
  }
  for (unsigned i = 0; i < options; ++i)
    if (names[i] == kErrorLog)
      std::strcpy(static_cast<char *>(values[i]), "line 1\nline 2");
  return kInvalidImage;
}

static Status getFunction(Function *function, Module, const char *name) {
  static std::map<std::string, int> names;
  if (name == current->missingKernel)
    return kNotFound;
  const auto [entry, isNew] = names.try_emplace(name, 0);
  *function =
      reinterpret_cast<Function>(const_cast<std::string *>(&entry->first));
  return 0;
}

/// What streams are capturing.
static std::map<Stream, GraphHandle *> captured;

static void happen(const FakeDriver::Launch &launch) {
  current->launches.push_back(launch);
  if (current->run)
    current->run(launch);
}

static Status launch(const LaunchConfig *config, Function function,
                     void **parameters, void **) {
  FakeDriver::Launch made;
  made.kernel = *reinterpret_cast<std::string *>(function);
  made.blocks = config->gridX;
  made.threads = config->blockX;
  made.gridY = config->gridY;
  made.gridZ = config->gridZ;
  made.sharedBytes = config->sharedBytes;
  for (unsigned i = 0; i < config->numAttributes; ++i) {
    const LaunchAttribute &attribute = config->attributes[i];
    if (attribute.id == kClusterDimension)
      made.cluster = attribute.value.cluster.x;
    if (attribute.id == kStreamSerialization)
      made.overlaps = attribute.value.allowed != 0;
  }
  const auto count = current->parameterCounts.find(made.kernel);
  const size_t parameterCount = count == current->parameterCounts.end()
                                    ? current->parameterCount
                                    : count->second;
  for (size_t i = 0; i < parameterCount; ++i) {
    uint64_t value;
    std::memcpy(&value, parameters[i], sizeof(value));
    made.parameters.push_back(value);
    made.places.push_back(reinterpret_cast<uintptr_t>(parameters[i]));
  }
  if (const auto graph = captured.find(config->stream); graph != captured.end())
    graph->second->launches.push_back(std::move(made));
  else
    happen(made);
  return current->launchStatus;
}

static Status encodeMap(TensorMap *map, int type, unsigned rank, void *address,
                        const uint64_t *sizes, const uint64_t *strides,
                        const unsigned *box, const unsigned *steps,
                        int interleave, int swizzle, int promotion, int fill) {
  FakeDriver::Map made;
  made.type = type;
  made.swizzle = swizzle;
  made.interleave = interleave;
  made.promotion = promotion;
  made.fill = fill;
  made.address = reinterpret_cast<uint64_t>(address);
  made.sizes.assign(sizes, sizes + rank);
  made.strides.assign(strides, strides + rank - 1);
  made.box.assign(box, box + rank);
  made.steps.assign(steps, steps + rank);
  map->words[0] = current->maps.size();
  current->maps.push_back(std::move(made));
  return current->mapStatus;
}

//===----------------------------------------------------------------------===//
// Streams, graphs, events
//===----------------------------------------------------------------------===//

static Status createStream(Stream *stream, unsigned) {
  *stream = reinterpret_cast<Stream>(std::malloc(1));
  ++current->streams;
  return 0;
}

static Status destroyStream(Stream stream) {
  std::free(stream);
  --current->streams;
  return 0;
}

static Status beginCapture(Stream stream, int) {
  captured[stream] = new GraphHandle;
  ++current->captures;
  return 0;
}

static Status endCapture(Stream stream, Graph *graph) {
  *graph = captured.at(stream);
  captured.erase(stream);
  return 0;
}

/// A launch depends on the one before it.
static Status getEdges(Graph graph, GraphNode *, GraphNode *, GraphEdge *data,
                       size_t *count) {
  const auto &launches = graph->launches;
  const size_t edges = launches.empty() ? 0 : launches.size() - 1;
  for (size_t i = 0; data && i < edges; ++i)
    data[i] = {launches[i + 1].overlaps, 0, launches[i + 1].overlaps, {}};
  *count = edges;
  return 0;
}

static Status instantiate(GraphExec *exec, Graph graph, unsigned long long) {
  *exec = reinterpret_cast<GraphExec>(new GraphHandle(*graph));
  ++current->graphs;
  return 0;
}

static Status destroyExec(GraphExec exec) {
  delete reinterpret_cast<GraphHandle *>(exec);
  --current->graphs;
  return 0;
}

static Status launchGraph(GraphExec exec, Stream) {
  for (const FakeDriver::Launch &launch :
       reinterpret_cast<GraphHandle *>(exec)->launches)
    happen(launch);
  ++current->graphLaunches;
  return current->launchStatus;
}

static void setStreamFunctions(Driver &functions) {
  functions.streamCreate = createStream;
  functions.streamDestroy = destroyStream;
  functions.streamSynchronize = [](Stream) {
    ++current->waits;
    return current->waitStatus;
  };
  functions.streamBeginCapture = beginCapture;
  functions.streamEndCapture = endCapture;
  functions.graphInstantiate = instantiate;
  functions.graphDestroy = [](Graph graph) {
    delete graph;
    return 0;
  };
  functions.graphGetEdges = getEdges;
  functions.graphExecDestroy = destroyExec;
  functions.graphLaunch = launchGraph;
  functions.eventCreate = [](Event *event, unsigned) {
    *event = new EventHandle;
    ++current->events;
    return 0;
  };
  functions.eventDestroy = [](Event event) {
    delete event;
    --current->events;
    return 0;
  };
  functions.eventRecord = [](Event event, Stream) {
    event->isPending = current->copiesTakeTime;
    return 0;
  };
  functions.eventQuery = [](Event event) {
    return event->isPending ? kNotReady : 0;
  };
  functions.eventSynchronize = [](Event event) {
    current->waits += event->isPending;
    event->isPending = false;
    return 0;
  };
  functions.eventElapsedTime = [](float *milliseconds, Event, Event) {
    *milliseconds = 250;
    return 0;
  };
}

FakeDriver::FakeDriver() {
  current = this;
  functions.init = [](unsigned) { return 0; };
  functions.getErrorName = getName;
  functions.getErrorString = getString;
  functions.deviceGetCount = [](int *count) {
    *count = current->devices;
    return 0;
  };
  functions.deviceGet = [](DeviceHandle *handle, int ordinal) {
    *handle = ordinal;
    return 0;
  };
  functions.deviceGetName = [](char *name, int bytes, DeviceHandle) {
    std::strncpy(name, "Fake GPU", bytes);
    return 0;
  };
  functions.deviceGetAttribute = getAttribute;
  functions.devicePrimaryCtxRetain = [](Context *context, DeviceHandle) {
    *context = reinterpret_cast<Context>(current);
    return 0;
  };
  functions.devicePrimaryCtxRelease = [](DeviceHandle) { return 0; };
  functions.ctxSetCurrent = [](Context) { return 0; };
  functions.memGetInfo = [](size_t *free, size_t *total) {
    *total = current->memory;
    *free = current->memory - inUse();
    return 0;
  };
  functions.memAlloc = allocate;
  functions.memFree = release;
  functions.memsetD8Async = [](Address to, unsigned char value, size_t bytes,
                               Stream) {
    std::memset(pointerTo(to), value, bytes);
    return 0;
  };
  functions.memHostAlloc = [](void **memory, size_t bytes, unsigned) {
    *memory = std::malloc(bytes);
    ++current->pinned;
    return 0;
  };
  functions.memFreeHost = [](void *memory) {
    std::free(memory);
    --current->pinned;
    return 0;
  };
  functions.memcpyHtoDAsync = [](Address to, const void *from, size_t bytes,
                                 Stream) {
    std::memcpy(pointerTo(to), from, bytes);
    ++current->copies;
    return 0;
  };
  functions.memcpyDtoHAsync = [](void *to, Address from, size_t bytes, Stream) {
    std::memcpy(to, pointerTo(from), bytes);
    return 0;
  };
  functions.moduleLoadDataEx = loadModule;
  functions.moduleUnload = [](Module) { return 0; };
  functions.moduleGetFunction = getFunction;
  functions.funcSetAttribute = [](Function function, int attribute, int value) {
    if (attribute == kMaxDynamicSharedBytes)
      current->sharedLimits[*reinterpret_cast<std::string *>(function)] = value;
    return current->attributeStatus;
  };
  functions.tensorMapEncodeTiled = encodeMap;
  functions.launchKernelEx = launch;
  setStreamFunctions(functions);
}

FakeDriver::~FakeDriver() { current = nullptr; }

} // namespace jet::test
