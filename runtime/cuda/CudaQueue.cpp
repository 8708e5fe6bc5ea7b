// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "runtime/cuda/CudaQueue.h"

#include <algorithm>
#include <cstdlib>
#include <sstream>
#include <string_view>
#include <utility>

namespace jet {

using cuda::Status;

/// Blocks of a launch, at most, for each multiprocessor: enough for any number
/// of them to be resident, several times over. Points beyond are the blocks'
/// next.
static constexpr int64_t kBlocksPerProcessor = 64;

/// Scratch memory of a launch, unless a single block needs more.
static constexpr int64_t kScratchBytes = int64_t(256) << 20;

/// Steps that are remembered. A model's graph takes a few hundred KiB.
static constexpr size_t kMaxRecordings = 32;

CudaQueue::CudaQueue(CudaDevice &device) : device(device) {
  const char *blocking = std::getenv(cuda::kBlockingVariable);
  isBlocking = blocking && std::string_view(blocking) == "1";
}

CudaQueue::~CudaQueue() {
  // Maybe from another thread than the launches.
  (void)device.enter();
  forgetGraphs();
  if (captureStream)
    device.table().streamDestroy(captureStream);
  if (allocation)
    device.release(allocation, allocated);
}

//===----------------------------------------------------------------------===//
// Launches
//===----------------------------------------------------------------------===//

/// Releasing memory waits for the launches that use it.
Result<void> CudaQueue::reserve(int64_t bytes) {
  if (bytes <= scratchSize)
    return {};
  // Their launches have the address of the old one.
  forgetGraphs();
  if (allocation)
    device.release(std::exchange(allocation, nullptr), allocated);
  scratch = nullptr;
  scratchSize = allocated = 0;
  const int64_t room = bytes + kScratchAlignment;
  Result<std::byte *> memory = device.allocate(room, "scratch memory");
  if (!memory)
    return memory.error();
  allocation = *memory;
  allocated = room;
  const auto address = reinterpret_cast<uintptr_t>(allocation);
  scratch = allocation + (kScratchAlignment - address % kScratchAlignment) %
                             kScratchAlignment;
  scratchSize = bytes;
  return {};
}

Result<void> CudaQueue::enqueue(cuda::Function function,
                                cuda::LaunchConfig config, void **parameters) {
  if (auto done = device.enter(); !done)
    return done;
  config.stream = capturing ? capturing : device.mainStream();
  if (auto done = device.check("cuLaunchKernelEx",
                               device.table().launchKernelEx(
                                   &config, function, parameters, nullptr));
      !done || !isBlocking)
    return done;
  return device.check("waiting for it",
                      device.table().streamSynchronize(config.stream));
}

/// "'linear' (R = 1, …; operands 0x7f0000000000, …)".
static std::string describeLaunch(const KernelInfo &kernel,
                                  std::span<void *const> operands,
                                  const SymbolValues &symbols) {
  std::ostringstream text;
  text << "'" << kernel.name << "' (";
  for (int i = 0; i < kNumSymbols; ++i)
    text << (i ? ", " : "") << "RBTCSP"[i] << " = " << symbols[i];
  for (size_t i = 0; i < operands.size(); ++i)
    text << (i ? ", " : "; operands ") << operands[i];
  text << ")";
  return text.str();
}

Result<void> CudaQueue::launch(int64_t index, std::span<void *const> operands,
                               const SymbolValues &symbols, int64_t grid) {
  if (grid == 0)
    return {};
  const CudaDevice::Kernel &kernel = device.kernel(index);
  const std::vector<KernelForm> &forms = kernel.info.forms;
  const KernelForm *form = chooseForm(forms, symbols);
  Result<void> done =
      form ? launchForm(kernel, form - forms.data(), operands, symbols)
           : launchGeneral(kernel, operands, symbols, grid);
  if (!done)
    return Error{"kernel " + describeLaunch(kernel.info, operands, symbols) +
                 ": " + done.error().message};
  return {};
}

Result<void> CudaQueue::launchGeneral(const CudaDevice::Kernel &kernel,
                                      std::span<void *const> operands,
                                      const SymbolValues &symbols,
                                      int64_t grid) {
  // verifyPackage() evaluated it for the largest step.
  Result<int64_t> bytes = kernel.info.scratch.evaluate(symbols);
  if (!bytes)
    return bytes.error();
  int64_t blocks =
      std::min(grid, device.multiprocessors() * kBlocksPerProcessor);
  if (*bytes > 0)
    blocks = std::min(blocks, std::max<int64_t>(1, kScratchBytes / *bytes));
  if (auto done = reserve(blocks * *bytes); !done)
    return done;

  // Addresses of the values, in the order of Package.h.
  parameters.clear();
  const auto add = [&](const void *value) {
    parameters.push_back(const_cast<void *>(value));
  };
  for (void *const &operand : operands)
    add(&operand);
  for (const int64_t &symbol : symbols)
    add(&symbol);
  add(&scratch);
  add(&*bytes);
  add(&grid);
  cuda::LaunchConfig config = {};
  config.gridX = static_cast<unsigned>(blocks);
  config.blockX = static_cast<unsigned>(kernel.info.threads);
  config.gridY = config.gridZ = config.blockY = config.blockZ = 1;
  return enqueue(kernel.function, config, parameters.data());
}

//===----------------------------------------------------------------------===//
// Steps
//===----------------------------------------------------------------------===//

void CudaQueue::forgetGraphs() {
  for (Recording &recording : recordings)
    if (recording.graph)
      device.table().graphExecDestroy(std::exchange(recording.graph, nullptr));
}

static std::optional<RecordedEdges> countEdges(const cuda::Driver &driver,
                                               cuda::Graph graph) {
  size_t count = 0;
  if (!driver.graphGetEdges ||
      driver.graphGetEdges(graph, nullptr, nullptr, nullptr, &count))
    return std::nullopt;
  std::vector<cuda::GraphNode> from(count), to(count);
  std::vector<cuda::GraphEdge> data(count);
  if (count &&
      driver.graphGetEdges(graph, from.data(), to.data(), data.data(), &count))
    return std::nullopt;
  RecordedEdges edges;
  edges.all = static_cast<int64_t>(data.size());
  edges.programmatic =
      std::ranges::count(data, cuda::kProgrammaticEdge, &cuda::GraphEdge::type);
  return edges;
}

/// Captured on a stream of its own, so that what others do on the device
/// meanwhile is not.
Result<void> CudaQueue::capture(Recording &recording,
                                const std::function<Result<void>()> &launches) {
  const cuda::Driver &driver = device.table();
  if (auto done = device.enter(); !done)
    return done;
  if (!captureStream)
    if (auto done = device.check(
            "cuStreamCreate",
            driver.streamCreate(&captureStream, cuda::kNonBlocking));
        !done)
      return done;
  if (auto done = device.check(
          "cuStreamBeginCapture",
          driver.streamBeginCapture(captureStream, cuda::kRelaxedCapture));
      !done)
    return done;
  capturing = captureStream;
  const std::byte *const before = scratch;
  Result<void> done = launches();
  capturing = nullptr;
  cuda::Graph graph = nullptr;
  // In any case, or the stream would go on capturing.
  const Status ended = driver.streamEndCapture(captureStream, &graph);
  if (done)
    done = device.check("cuStreamEndCapture", ended);
  if (done && scratch != before)
    done = Error{"step: expected scratch memory of its first time, found more"};
  if (done)
    done = device.check("cuGraphInstantiate",
                        driver.graphInstantiate(&recording.graph, graph, 0));
  if (!done)
    recording.graph = nullptr;
  else
    recording.edges = countEdges(driver, graph);
  if (graph)
    driver.graphDestroy(graph);
  return done;
}

Result<void> CudaQueue::step(std::span<const uint64_t> key,
                             const std::function<Result<void>()> &launches) {
  edges = std::nullopt;
  if (key.empty() || isBlocking)
    return launches();
  const auto found = std::ranges::find_if(recordings, [&](const auto &it) {
    return std::ranges::equal(it.key, key);
  });
  if (found == recordings.end()) {
    if (recordings.size() == kMaxRecordings) {
      if (cuda::GraphExec graph = recordings.back().graph)
        device.table().graphExecDestroy(graph);
      recordings.pop_back();
    }
    recordings.push_front({{key.begin(), key.end()}});
    return launches();
  }
  recordings.splice(recordings.begin(), recordings, found);
  Recording &recording = recordings.front();
  if (!recording.graph)
    if (auto done = capture(recording, launches); !done)
      return done;
  edges = recording.edges;
  if (auto done = device.enter(); !done)
    return done;
  return device.check(
      "cuGraphLaunch",
      device.table().graphLaunch(recording.graph, device.mainStream()));
}

Result<double> CudaQueue::time(const std::function<Result<void>()> &work) {
  const cuda::Driver &driver = device.table();
  if (auto done = device.enter(); !done)
    return done.error();
  cuda::Event begin = nullptr, end = nullptr;
  float milliseconds = 0;
  Result<void> done =
      device.check("cuEventCreate", driver.eventCreate(&begin, 0));
  if (done)
    done = device.check("cuEventCreate", driver.eventCreate(&end, 0));
  if (done)
    done = device.check("cuEventRecord",
                        driver.eventRecord(begin, device.mainStream()));
  if (done)
    done = work();
  if (done)
    done = device.check("cuEventRecord",
                        driver.eventRecord(end, device.mainStream()));
  if (done)
    done = device.check("cuEventSynchronize", driver.eventSynchronize(end));
  if (done)
    done = device.check("cuEventElapsedTime",
                        driver.eventElapsedTime(&milliseconds, begin, end));
  for (cuda::Event event : {begin, end})
    if (event)
      driver.eventDestroy(event);
  if (!done)
    return done.error();
  return double(milliseconds) / 1000;
}

std::unique_ptr<Queue> CudaDevice::createQueue(int) {
  return std::make_unique<CudaQueue>(*this);
}

} // namespace jet
