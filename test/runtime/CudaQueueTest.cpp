// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Forms of kernels and steps as graphs, on a driver of our own.

#include "FakeDriver.h"
#include "Fixture.h"

#include "runtime/cuda/CudaDevice.h"

#include <gtest/gtest.h>

using namespace jet;
using namespace jet::test;

namespace {

/// Kernel 0 of makePackageWithForms(): operands are 16 R bytes of tokens, the
/// embedding and an output.
class CudaQueueTest : public testing::Test {
protected:
  CudaQueueTest() : package(makePackageWithForms()) {
    device = *CudaDevice::open(driver.table(), 0, package.target, "p.jet");
    queue = device->createQueue(0);
  }

  void load() {
    const Result<void> done = device->loadCode(package, "p.jet");
    ASSERT_TRUE(done) << messageOf(done);
  }
  /// A step of `rows` tokens of one sequence.
  Result<void> launch(int64_t rows) {
    const SymbolValues symbols = {rows, 1, rows, 1, 1, 1};
    void *const operands[] = {tokens, weight, output};
    return queue->launch(0, operands, symbols, rows);
  }

  FakeDriver driver;
  Package package;
  std::shared_ptr<Device> device;
  std::unique_ptr<Queue> queue;
  alignas(64) std::byte tokens[64], weight[256], output[64];
};

} // namespace

TEST_F(CudaQueueTest, AllowsTheSharedMemoryOfStages) {
  // Of two stages of one kernel, the larger.
  package.kernels[1].forms = package.kernels[0].forms;
  for (StageInfo &stage : package.kernels[1].forms[0].stages)
    stage.arguments.clear();
  package.kernels[1].forms[0].stages[0].sharedBytes = 200'000;
  load();
  EXPECT_EQ(driver.sharedLimits,
            (std::map<std::string, int>{{"first", 200'000}}));
  driver.attributeStatus = 1;
  EXPECT_EQ(messageOf(device->loadCode(package, "p.jet")),
            "p.jet: kernel 'first': expected 200000 bytes of shared memory: "
            "cuda:0: cuFuncSetAttribute: CUDA_ERROR_OTHER (as told)");
}

TEST_F(CudaQueueTest, NamesAMissingStage) {
  driver.missingKernel = "second";
  EXPECT_EQ(messageOf(device->loadCode(package, "p.jet")),
            "p.jet: expected the kernel 'second' in the code: cuda:0: "
            "cuModuleGetFunction: CUDA_ERROR_OTHER (as told)");
}

TEST_F(CudaQueueTest, LaunchesTheStagesOfTheFormThatFits) {
  load();
  driver.parameterCount = 2;
  ASSERT_TRUE(launch(2));
  ASSERT_EQ(driver.launches.size(), 2u);
  const FakeDriver::Launch &first = driver.launches[0];
  EXPECT_EQ(first.kernel, "first");
  EXPECT_EQ(first.blocks, 4u);
  EXPECT_EQ(first.gridY, 3u);
  EXPECT_EQ(first.gridZ, 1u);
  EXPECT_EQ(first.threads, 64u);
  EXPECT_EQ(first.sharedBytes, 100'000u);
  EXPECT_EQ(first.cluster, 2u);
  EXPECT_FALSE(first.overlaps);
  const FakeDriver::Launch &second = driver.launches[1];
  EXPECT_EQ(second.kernel, "second");
  EXPECT_EQ(second.blocks, 2u);
  EXPECT_EQ(second.gridY, 1u);
  EXPECT_EQ(second.sharedBytes, 0u);
  EXPECT_EQ(second.cluster, 0u);
  EXPECT_TRUE(second.overlaps);
  EXPECT_EQ(second.parameters[0], reinterpret_cast<uint64_t>(tokens));
  EXPECT_EQ(second.parameters[1], reinterpret_cast<uint64_t>(output));
  // Three rows are the kernel's own.
  ASSERT_TRUE(launch(3));
  ASSERT_EQ(driver.launches.size(), 3u);
  EXPECT_EQ(driver.launches[2].kernel, "fixture_embed");
}

TEST_F(CudaQueueTest, LaunchesOneStageAlone) {
  load();
  const SymbolValues one = {1, 1, 1, 1, 1, 1}, many = {3, 1, 3, 1, 1, 1};
  void *const operands[] = {tokens, weight, output};
  ASSERT_TRUE(queue->launchStage(0, {0, 1}, operands, one));
  ASSERT_EQ(driver.launches.size(), 1u);
  EXPECT_EQ(driver.launches[0].kernel, "second");
  EXPECT_EQ(messageOf(queue->launchStage(0, {0, 2}, operands, one)),
            "kernel 'fixture_embed': expected a stage 2 of form 0, found none");
  EXPECT_EQ(messageOf(queue->launchStage(0, {1, 0}, operands, one)),
            "kernel 'fixture_embed': expected a stage 0 of form 1, found none");
  // Also of a form that the step would not take.
  EXPECT_TRUE(queue->launchStage(0, {0, 1}, operands, many));
}

TEST_F(CudaQueueTest, PassesTheArgumentsOfAStage) {
  package.kernels[0].forms[0].stages.pop_back();
  load();
  driver.parameterCount = 5;
  ASSERT_TRUE(launch(2));
  ASSERT_EQ(driver.launches.size(), 1u);
  const FakeDriver::Launch &launch = driver.launches[0];
  EXPECT_EQ(launch.parameters[0], 0u); // map 0
  EXPECT_EQ(launch.places[0] % 64, 0u);
  EXPECT_EQ(launch.parameters[1], 2u); // R
  EXPECT_EQ(launch.parameters[2], 1u); // map 1
  EXPECT_EQ(launch.places[2] % 64, 0u);
  const uint64_t scratch = launch.parameters[3];
  EXPECT_EQ(scratch % 1024, 0u);
  EXPECT_EQ(launch.parameters[4], reinterpret_cast<uint64_t>(output));
  ASSERT_EQ(driver.allocations.size(), 1u);
  const auto [allocation, bytes] = *driver.allocations.begin();
  EXPECT_GE(scratch, allocation);
  EXPECT_LE(scratch + 96, allocation + bytes);

  ASSERT_EQ(driver.maps.size(), 2u);
  const FakeDriver::Map &first = driver.maps[0], &second = driver.maps[1];
  EXPECT_EQ(first.type, 7); // CU_TENSOR_MAP_DATA_TYPE_FLOAT32
  EXPECT_EQ(first.address, reinterpret_cast<uint64_t>(weight));
  EXPECT_EQ(first.sizes, (std::vector<uint64_t>{kHidden, kVocab}));
  EXPECT_EQ(first.strides, std::vector<uint64_t>{kHidden * 4});
  EXPECT_EQ(first.box, (std::vector<unsigned>{kHidden, 8}));
  EXPECT_EQ(first.steps, (std::vector<unsigned>{1, 1}));
  EXPECT_EQ(first.swizzle, 1); // CU_TENSOR_MAP_SWIZZLE_32B
  EXPECT_EQ(first.interleave, 0);
  EXPECT_EQ(first.promotion, 2); // CU_TENSOR_MAP_L2_PROMOTION_L2_128B
  EXPECT_EQ(first.fill, 0);
  EXPECT_EQ(second.address, scratch + 64);
  EXPECT_EQ(second.sizes, (std::vector<uint64_t>{4, 2}));
  EXPECT_EQ(second.swizzle, 0);
}

TEST_F(CudaQueueTest, EncodesEveryTypeAndSwizzle) {
  TensorMapInfo &map = *package.kernels[0].forms[0].stages[0].arguments[0].map;
  const auto encode = [&](DType type, int64_t columns, int64_t swizzle) {
    map.dtype = type;
    map.shape = {SizeExpr::makeConstant(2), SizeExpr::makeConstant(3),
                 SizeExpr::makeConstant(columns)};
    map.box = {1, 1, 16 / dtypeBytes(type)};
    map.swizzle = swizzle;
    const size_t before = driver.maps.size();
    auto other = *CudaDevice::open(driver.table(), 0, package.target, "p.jet");
    EXPECT_TRUE(other->loadCode(package, "p.jet"));
    const SymbolValues symbols = {1, 1, 1, 1, 1, 1};
    void *const operands[] = {tokens, weight, output};
    EXPECT_EQ(messageOf(other->createQueue(0)->launch(0, operands, symbols, 1)),
              "success");
    return driver.maps.at(before);
  };
  EXPECT_EQ(encode(DType::F8E4M3, 32, 64).type, 0);
  EXPECT_EQ(encode(DType::I32, 8, 128).type, 3);
  const FakeDriver::Map bf16 = encode(DType::BF16, 16, 128);
  EXPECT_EQ(bf16.type, 9);
  EXPECT_EQ(bf16.swizzle, 3);
  EXPECT_EQ(bf16.sizes, (std::vector<uint64_t>{16, 3, 2}));
  EXPECT_EQ(bf16.strides, (std::vector<uint64_t>{32, 96}));
  EXPECT_EQ(encode(DType::F32, 4, 64).swizzle, 2);
}

TEST_F(CudaQueueTest, NamesTheStageThatCannotBeLaunched) {
  load();
  driver.mapStatus = 1;
  const std::string map = messageOf(launch(1));
  EXPECT_EQ(map.find("kernel 'fixture_embed' (R = 1, B = 1, T = 1, C = 1, S = "
                     "1, P = 1; operands 0x"),
            0u)
      << map;
  EXPECT_TRUE(map.ends_with(
      "): forms[0].stages[0] 'first': cuda:0: cuTensorMapEncodeTiled of "
      "arguments[0]: CUDA_ERROR_OTHER (as told)"))
      << map;
  driver.mapStatus = 0;
  driver.launchStatus = 1;
  const std::string stage = messageOf(launch(1));
  EXPECT_TRUE(stage.ends_with("): forms[0].stages[0] 'first': cuda:0: "
                              "cuLaunchKernelEx: CUDA_ERROR_OTHER (as told)"))
      << stage;
}

TEST_F(CudaQueueTest, NamesTheKernelThatFailsLater) {
  load();
  driver.waitStatus = 700;
  ASSERT_TRUE(launch(1));
  const std::string late =
      messageOf(device->read(tokens, output, sizeof(tokens)));
  EXPECT_EQ(late, "cuda:0: cuStreamSynchronize: CUDA_ERROR_OTHER (as told); a "
                  "kernel failed, and with CUDA_LAUNCH_BLOCKING=1 in the "
                  "environment the error says which");
  setenv("CUDA_LAUNCH_BLOCKING", "1", 1);
  queue = device->createQueue(0);
  unsetenv("CUDA_LAUNCH_BLOCKING");
  const std::string named = messageOf(
      queue->step(std::vector<uint64_t>{1}, [&] { return launch(1); }));
  EXPECT_TRUE(named.ends_with("): forms[0].stages[0] 'first': cuda:0: waiting "
                              "for it: CUDA_ERROR_OTHER (as told)"))
      << named;
  // Each is waited for, so none is recorded.
  driver.waitStatus = 0;
  for (int i = 0; i < 3; ++i)
    ASSERT_TRUE(
        queue->step(std::vector<uint64_t>{1}, [&] { return launch(1); }));
  EXPECT_EQ(driver.captures, 0);
}

TEST_F(CudaQueueTest, ReplaysAStepFromTheSecondTimeOn) {
  load();
  const std::vector<uint64_t> key = {1, 2, 3}, other = {1, 2, 4};
  int calls = 0;
  const auto step = [&](const std::vector<uint64_t> &key) {
    return queue->step(key, [&] {
      ++calls;
      return launch(2);
    });
  };
  ASSERT_TRUE(step(key)); // plainly
  EXPECT_EQ(driver.captures, 0);
  EXPECT_FALSE(queue->recordedEdges());
  ASSERT_TRUE(step(key)); // captured
  ASSERT_TRUE(queue->recordedEdges());
  EXPECT_EQ(queue->recordedEdges()->all, 1);
  EXPECT_EQ(queue->recordedEdges()->programmatic, 1);
  EXPECT_EQ(driver.captures, 1);
  EXPECT_EQ(driver.graphLaunches, 1);
  EXPECT_EQ(calls, 2);
  ASSERT_TRUE(step(key)); // replayed
  EXPECT_EQ(calls, 2);
  EXPECT_EQ(driver.graphLaunches, 2);
  ASSERT_EQ(driver.launches.size(), 6u);
  EXPECT_EQ(driver.launches[4].kernel, "first");
  EXPECT_TRUE(driver.launches[5].overlaps);
  ASSERT_TRUE(step(other));
  EXPECT_EQ(calls, 3);
  ASSERT_TRUE(step({}));
  ASSERT_TRUE(step({}));
  ASSERT_TRUE(step({}));
  EXPECT_EQ(calls, 6);
  EXPECT_EQ(driver.captures, 1);
  queue.reset();
  EXPECT_EQ(driver.graphs, 0);
  EXPECT_EQ(driver.streams, 1); // the device's
}

TEST_F(CudaQueueTest, KeepsABoundedNumberOfGraphs) {
  load();
  const auto step = [&](uint64_t key) {
    return queue->step(std::vector{key}, [&] { return launch(1); });
  };
  for (uint64_t key = 0; key < 100; ++key)
    for (int i = 0; i < 2; ++i)
      ASSERT_TRUE(step(key));
  EXPECT_EQ(driver.graphs, 32);
  // The last ones are there, and the first is not.
  ASSERT_TRUE(step(99));
  ASSERT_TRUE(step(68));
  EXPECT_EQ(driver.captures, 100);
  ASSERT_TRUE(step(0));
  ASSERT_TRUE(step(0));
  EXPECT_EQ(driver.captures, 101);
}

TEST_F(CudaQueueTest, CapturesAgainWhenScratchMemoryMoved) {
  load();
  const auto step = [&](uint64_t key, int64_t rows) {
    return queue->step(std::vector{key}, [&] { return launch(rows); });
  };
  ASSERT_TRUE(step(1, 1));
  ASSERT_TRUE(step(1, 1));
  EXPECT_EQ(driver.graphs, 1);
  ASSERT_TRUE(step(2, 2)); // needs more
  EXPECT_EQ(driver.graphs, 0);
  ASSERT_TRUE(step(1, 1));
  EXPECT_EQ(driver.captures, 2);
  EXPECT_EQ(driver.graphs, 1);
}

TEST_F(CudaQueueTest, AStepThatFailsIsNotKept) {
  load();
  bool fails = false;
  const auto step = [&] {
    return queue->step(std::vector<uint64_t>{1}, [&] {
      return fails ? Result<void>(Error{"no"}) : launch(1);
    });
  };
  ASSERT_TRUE(step());
  fails = true;
  EXPECT_EQ(messageOf(step()), "no");
  EXPECT_EQ(driver.graphs, 0);
  fails = false;
  ASSERT_TRUE(step());
  EXPECT_EQ(driver.graphs, 1);
  driver.launchStatus = 1;
  EXPECT_EQ(messageOf(step()),
            "cuda:0: cuGraphLaunch: CUDA_ERROR_OTHER (as told)");
}

TEST_F(CudaQueueTest, TakesTheDevicesTime) {
  load();
  const Result<double> seconds = queue->time([&] { return launch(1); });
  ASSERT_TRUE(seconds) << messageOf(seconds);
  EXPECT_EQ(*seconds, 0.25);
  EXPECT_EQ(messageOf(queue->time([] { return Error{"no"}; })), "no");
  EXPECT_EQ(driver.events, 0);
}
