// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The CUDA device on a driver of our own: what it asks for and how it fails.

#include "FakeDriver.h"
#include "Fixture.h"

#include "runtime/cuda/CudaDevice.h"

#include <gtest/gtest.h>

using namespace jet;
using namespace jet::test;

namespace {

const TargetInfo kTarget = {"cuda", "sm_90a", ""};

Blob blob(const std::string &name, const std::string &text) {
  const auto *begin = reinterpret_cast<const std::byte *>(text.data());
  return {name, {begin, begin + text.size()}};
}

/// Two kernels, one of which needs scratch memory of 100 bytes a row.
Package makeDevicePackage() {
  Package package;
  package.target = kTarget;
  package.kernels.push_back({"plain", SizeExpr::makeConstant(3), {}});
  package.kernels.push_back({"hungry", SizeExpr::makeConstant(3), {}});
  package.kernels[0].threads = 64;
  package.kernels[1].threads = 512;
  package.kernels[1].scratch =
      SizeExpr::make(SizeExpr::Kind::Mul, SizeExpr::makeSymbol(Symbol::R),
                     SizeExpr::makeConstant(100));
  package.blobs = {blob("ptx", "ptx: text"), blob("cubin", "cubin")};
  return package;
}

class CudaDeviceTest : public testing::Test {
protected:
  std::shared_ptr<Device> open() {
    auto device = CudaDevice::open(driver.table(), 0, kTarget, "p.jet");
    EXPECT_TRUE(device) << messageOf(device);
    return *device;
  }
  std::string openError(int ordinal = 0, const TargetInfo &target = kTarget) {
    return messageOf(
        CudaDevice::open(driver.table(), ordinal, target, "p.jet"));
  }
  std::string loadError(const Package &package) {
    return messageOf(open()->loadCode(package, "p.jet"));
  }

  FakeDriver driver;
};

} // namespace

TEST_F(CudaDeviceTest, SaysWhichGpuThereIsNot) {
  EXPECT_EQ(openError(2),
            "cuda:2: expected a GPU of this machine, which has 1");
  driver.devices = 0;
  EXPECT_EQ(openError(), "cuda:0: expected a GPU of this machine, which has 0");
}

TEST_F(CudaDeviceTest, RefusesAnotherCapability) {
  driver.capabilityMajor = 8;
  driver.capabilityMinor = 6;
  EXPECT_EQ(openError(), "p.jet: target: expected code for sm_86 (cuda:0, Fake "
                         "GPU), found sm_90a");
}

TEST_F(CudaDeviceTest, MemoryIsZeroAndGivenBack) {
  auto device = open();
  {
    auto memory = ZeroMemory::create(device, 100, "test");
    ASSERT_TRUE(memory);
    std::vector<std::byte> bytes(100, std::byte(1));
    ASSERT_TRUE(memory->read(0, 100, bytes.data()));
    EXPECT_EQ(bytes, std::vector<std::byte>(100));
    memory->poison(10, 5);
    ASSERT_TRUE(memory->read(0, 100, bytes.data()));
    EXPECT_EQ(bytes[9], std::byte(0));
    EXPECT_EQ(bytes[14], std::byte(0xFF));
    EXPECT_EQ(driver.allocations.size(), 1u);
  }
  EXPECT_TRUE(driver.allocations.empty());
}

TEST_F(CudaDeviceTest, SaysHowMuchMemoryIsLeft) {
  auto device = open();
  auto first = ZeroMemory::create(device, 1 << 19, "state");
  ASSERT_TRUE(first);
  EXPECT_EQ(messageOf(ZeroMemory::create(device, 1 << 20, "logits")),
            "logits: cannot reserve 1048576 bytes on cuda:0, which has 524288 "
            "of 1048576 free: CUDA_ERROR_OUT_OF_MEMORY (as told)");
}

TEST_F(CudaDeviceTest, PrefersTheCubin) {
  ASSERT_TRUE(open()->loadCode(makeDevicePackage(), "p.jet"));
  EXPECT_EQ(driver.images, std::vector<std::string>{"cubi"});
}

TEST_F(CudaDeviceTest, CompilesThePtxWhereTheCubinIsNotTaken) {
  driver.takesCubins = false;
  ASSERT_TRUE(open()->loadCode(makeDevicePackage(), "p.jet"));
  EXPECT_EQ(driver.images, (std::vector<std::string>{"cubi", "ptx:"}));
  driver.takesPtx = false;
  EXPECT_EQ(loadError(makeDevicePackage()),
            "p.jet: blob 'ptx': cuda:0: cuModuleLoadData: "
            "CUDA_ERROR_INVALID_IMAGE (as told): line 1");
  Package package = makeDevicePackage();
  package.blobs.clear();
  EXPECT_EQ(loadError(package), "p.jet: expected a blob 'ptx', found none");
}

TEST_F(CudaDeviceTest, NamesAMissingKernel) {
  driver.missingKernel = "hungry";
  EXPECT_EQ(loadError(makeDevicePackage()),
            "p.jet: expected the kernel 'hungry' in the code: cuda:0: "
            "cuModuleGetFunction: CUDA_ERROR_OTHER (as told)");
}

TEST_F(CudaDeviceTest, PassesOperandsSymbolsScratchAndPoints) {
  auto device = open();
  ASSERT_TRUE(device->loadCode(makeDevicePackage(), "p.jet"));
  auto queue = device->createQueue(0);
  SymbolValues symbols = {};
  for (int i = 0; i < kNumSymbols; ++i)
    symbols[i] = i + 7;
  int x = 0, y = 0;
  void *const operands[] = {&x, &y};
  driver.parameterCount = 2 + kNumSymbols + 3;
  ASSERT_TRUE(queue->launch(0, operands, symbols, 5));
  ASSERT_TRUE(queue->launch(1, operands, symbols, 5));
  ASSERT_EQ(driver.launches.size(), 2u);
  const FakeDriver::Launch &plain = driver.launches[0];
  EXPECT_EQ(plain.kernel, "plain");
  EXPECT_EQ(plain.blocks, 5u);
  EXPECT_EQ(plain.threads, 64u);
  EXPECT_EQ(plain.parameters[1], reinterpret_cast<uint64_t>(&y));
  EXPECT_EQ(plain.parameters[2], 7u);
  EXPECT_EQ(plain.parameters[2 + kNumSymbols + 1], 0u); // bytes of scratch
  EXPECT_EQ(plain.parameters[2 + kNumSymbols + 2], 5u); // points
  const FakeDriver::Launch &hungry = driver.launches[1];
  EXPECT_EQ(hungry.threads, 512u);
  EXPECT_EQ(hungry.parameters[2 + kNumSymbols + 1], 700u);
  const uint64_t scratch = hungry.parameters[2 + kNumSymbols];
  EXPECT_EQ(scratch % 1024, 0u);
  EXPECT_EQ(driver.allocations.begin()->second, 5u * 700 + 1024);
  // No more blocks than a GPU of two multiprocessors can use, and none for
  // nothing.
  ASSERT_TRUE(queue->launch(0, operands, symbols, 1'000'000));
  EXPECT_LE(driver.launches[2].blocks, 128u);
  EXPECT_EQ(driver.launches[2].parameters[2 + kNumSymbols + 2], 1'000'000u);
  ASSERT_TRUE(queue->launch(0, operands, symbols, 0));
  EXPECT_EQ(driver.launches.size(), 3u);
  queue.reset();
  EXPECT_TRUE(driver.allocations.empty());
}

TEST_F(CudaDeviceTest, NamesTheKernelThatCannotBeLaunched) {
  auto device = open();
  ASSERT_TRUE(device->loadCode(makeDevicePackage(), "p.jet"));
  driver.launchStatus = 1;
  EXPECT_EQ(
      messageOf(device->createQueue(0)->launch(0, {}, SymbolValues{}, 1)),
      "kernel 'plain' (R = 0, B = 0, T = 0, C = 0, S = 0, P = 0): cuda:0: "
      "cuLaunchKernelEx: CUDA_ERROR_OTHER (as told)");
}

TEST_F(CudaDeviceTest, WritesThroughPinnedMemoryWithoutWaiting) {
  driver.memory = int64_t(100) << 20;
  driver.copiesTakeTime = true;
  {
    auto device = open();
    // More than one buffer, and at last more than all of them.
    const int64_t large = (int64_t(64) << 20) + 5;
    auto memory = ZeroMemory::create(device, large, "test");
    ASSERT_TRUE(memory);
    std::vector<std::byte> bytes(large);
    for (int64_t i = 0; i < large; ++i)
      bytes[i] = std::byte(i * 7 >> 3);
    ASSERT_TRUE(device->write(memory->data(), bytes.data(), 100));
    ASSERT_TRUE(device->write(memory->data() + 100, bytes.data() + 100, 1));
    EXPECT_EQ(driver.copies, 2);
    EXPECT_EQ(driver.pinned, 2);
    EXPECT_EQ(driver.waits, 0);
    ASSERT_TRUE(device->write(memory->data(), bytes.data(), large));
    EXPECT_EQ(driver.copies, 2 + 17);
    EXPECT_EQ(driver.pinned, 16);
    EXPECT_EQ(driver.waits, 3);
    std::vector<std::byte> read(large);
    ASSERT_TRUE(memory->read(0, large, read.data()));
    EXPECT_TRUE(read == bytes);
    // Idle buffers are used again.
    driver.copiesTakeTime = false;
    for (int i = 0; i < 20; ++i)
      ASSERT_TRUE(device->write(memory->data(), bytes.data(), 1));
    EXPECT_EQ(driver.pinned, 16);
  }
  EXPECT_EQ(driver.pinned, 0);
  EXPECT_EQ(driver.events, 0);
  EXPECT_EQ(driver.streams, 0);
}

TEST_F(CudaDeviceTest, HostMemoryGrowsAndIsGivenBack) {
  auto device = open();
  {
    HostMemory memory;
    auto first = memory.reserve(device, 100);
    ASSERT_TRUE(first);
    auto again = memory.reserve(device, 50);
    ASSERT_TRUE(again);
    EXPECT_EQ(*first, *again);
    ASSERT_TRUE(memory.reserve(device, 200));
    EXPECT_EQ(driver.pinned, 1);
  }
  EXPECT_EQ(driver.pinned, 0);
}

TEST(OpenDeviceTest, SaysWhatIsWrongWithAName) {
  const TargetInfo host = makePackage(false).target;
  EXPECT_TRUE(openDevice("", host, "p.jet"));
  EXPECT_TRUE(openDevice("cpu", host, "p.jet"));
  EXPECT_EQ(messageOf(openDevice("gpu", host, "p.jet")),
            "--device: expected cpu or cuda:N, found 'gpu'");
  EXPECT_EQ(messageOf(openDevice("cuda:-1", host, "p.jet")),
            "--device: expected cpu or cuda:N, found 'cuda:-1'");
  EXPECT_EQ(messageOf(openDevice("cuda:1", host, "p.jet")),
            "p.jet: target: expected 'cuda' (--device cuda:1), found 'cpu'");
  EXPECT_EQ(messageOf(openDevice("cpu", kTarget, "p.jet")),
            "p.jet: target: expected 'cpu' (--device cpu), found 'cuda'");
  const TargetInfo newer = {"cuda", "sm_100a", ""};
  EXPECT_EQ(messageOf(openDevice("", newer, "p.jet")),
            "p.jet: target: expected architecture 'sm_90a', found 'sm_100a'");
}
