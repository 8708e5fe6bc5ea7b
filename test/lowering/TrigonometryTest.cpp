// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// -jet-expand-trigonometry, run on the CPU, against libm in double precision.

#include "lowering/Pipelines.h"
#include "lowering/Registration.h"
#include "lowering/cpu/HostCode.h"
#include "runtime/HostCode.h"

#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"

#include <cmath>
#include <gtest/gtest.h>
#include <random>

using namespace jet;

/// y[i] = cos or sin of x[i], in the form that the CPU's entry points take.
static constexpr const char *kText = R"(
#shape = affine_map<()[R] -> (R)>
module {
module @kernels {
  func.func @k(%x: memref<?xf32> {jet.shape = #shape}, %y: memref<?xf32> {jet.shape = #shape}, %z: memref<?xf32> {jet.shape = #shape}, %begin: index, %end: index) {
    %c1 = arith.constant 1 : index
    scf.for %i = %begin to %end step %c1 {
      %in = memref.load %x[%i] : memref<?xf32>
      %sin = math.sin %in : f32
      %cos = math.cos %in : f32
      memref.store %sin, %y[%i] : memref<?xf32>
      memref.store %cos, %z[%i] : memref<?xf32>
    }
    return
  }
}
})";

static mlir::FailureOr<HostCode> compileKernel() {
  mlir::DialectRegistry registry;
  registerAllDialects(registry);
  mlir::MLIRContext context(registry);
  auto module = mlir::parseSourceString<mlir::ModuleOp>(kText, &context);
  if (!module)
    return mlir::failure();
  // By name: what declares all passes takes longer to compile than this file.
  registerAllPasses();
  mlir::PassManager passes(&context);
  if (failed(mlir::parsePassPipeline(
          "builtin.module(func.func(jet-expand-trigonometry))", passes)))
    return mlir::failure();
  buildHostPipeline(passes);
  if (failed(passes.run(*module)))
    return mlir::failure();
  auto code = compileHostCode(module->lookupSymbol<mlir::ModuleOp>("kernels"),
                              *findCpuLevel("native"));
  if (failed(code))
    return mlir::failure();
  Package package;
  package.kernels.push_back({"k", {}, {}});
  package.blobs.push_back({"host_code", std::move(*code)});
  Result<HostCode> loaded = HostCode::load(package, "test");
  if (!loaded)
    return mlir::failure();
  return std::move(*loaded);
}

TEST(TrigonometryTest, IsTheNearestFloatOrItsNeighbour) {
  mlir::FailureOr<HostCode> code = compileKernel();
  ASSERT_TRUE(succeeded(code));
  std::mt19937 random(1);
  std::vector<float> x = {0.0f,        -0.0f,      1e-30f,      0.785398f,
                          1.5707964f,  3.1415927f, -1.5707964f, 1048575.0f,
                          16777215.0f, 1e9f};
  // Angles of positions, and of either sign.
  for (double scale : {1.0, 10.0, 1000.0, 65536.0, 16777216.0})
    for (int i = 0; i < 2000; ++i)
      x.push_back(static_cast<float>(
          std::uniform_real_distribution<double>(-scale, scale)(random)));
  std::vector<float> sin(x.size()), cos(x.size());
  void *operands[] = {x.data(), sin.data(), cos.data()};
  SymbolValues symbols = {};
  symbols[0] = static_cast<int64_t>(x.size());
  code->kernels()[0](operands, symbols, 0, symbols[0]);
  for (size_t i = 0; i < x.size(); ++i)
    for (auto [found, expected] : {std::pair(sin[i], std::sin(double(x[i]))),
                                   std::pair(cos[i], std::cos(double(x[i])))}) {
      const auto nearest = static_cast<float>(expected);
      EXPECT_TRUE(found == nearest || found == std::nextafter(nearest, 2.0f) ||
                  found == std::nextafter(nearest, -2.0f))
          << x[i] << ": " << found << ", expected " << nearest;
    }
}
