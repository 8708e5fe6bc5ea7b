# Reading headers is most of the time that a file here takes to compile, so those
# that many files read are precompiled (-DJET_PRECOMPILED_HEADERS=OFF to compare).
#
#   jet_precompile_mlir(<target>)    MLIR's and our dialects' headers
#   jet_precompile_json(<target>)    of what has no LLVM: JSON, and the library's
#   jet_precompile_tests(<target>)   the same and GoogleTest's
#
# Each set is compiled once, for the first target; others reuse it, for which
# compile options must be the same.
option(JET_PRECOMPILED_HEADERS "Precompile headers that many files read" ON)

if(JET_PRECOMPILED_HEADERS AND CMAKE_CXX_COMPILER_ID MATCHES Clang)
  # With the time of the header file in it no cache would ever hit.
  add_compile_options("$<$<COMPILE_LANGUAGE:CXX>:SHELL:-Xclang -fno-pch-timestamp>")
endif()

# jet_precompile(<target> <set> <header>...)
function(jet_precompile target set)
  if(NOT JET_PRECOMPILED_HEADERS)
    return()
  endif()
  # The objects of a library that add_mlir_library() makes are a target.
  if(TARGET obj.${target})
    set(target obj.${target})
  endif()
  get_property(first GLOBAL PROPERTY JET_PRECOMPILED_${set})
  if(first)
    target_precompile_headers(${target} REUSE_FROM ${first})
    return()
  endif()
  set_property(GLOBAL PROPERTY JET_PRECOMPILED_${set} ${target})
  target_precompile_headers(${target} PRIVATE ${ARGN})
endfunction()

# The first target must depend on JetIncGen and TileIncGen.
function(jet_precompile_mlir target)
  jet_precompile(${target} MLIR
    <mlir/Dialect/Affine/IR/AffineOps.h>
    <mlir/Dialect/Arith/IR/Arith.h>
    <mlir/Dialect/Bufferization/IR/Bufferization.h>
    <mlir/Dialect/Func/IR/FuncOps.h>
    <mlir/Dialect/LLVMIR/LLVMDialect.h>
    <mlir/Dialect/LLVMIR/NVVMDialect.h>
    <mlir/Dialect/Linalg/IR/Linalg.h>
    <mlir/Dialect/Math/IR/Math.h>
    <mlir/Dialect/MemRef/IR/MemRef.h>
    <mlir/Dialect/SCF/IR/SCF.h>
    <mlir/Dialect/Tensor/IR/Tensor.h>
    <mlir/Dialect/Vector/IR/VectorOps.h>
    <mlir/IR/ImplicitLocOpBuilder.h>
    <mlir/IR/PatternMatch.h>
    <mlir/Pass/Pass.h>
    <mlir/Pass/PassManager.h>
    <mlir/Transforms/DialectConversion.h>
    <dialects/jet/Jet.h>
    <dialects/tile/Tile.h>)
endfunction()

set(JET_PLAIN_HEADERS
  <nlohmann/json.hpp> <functional> <map> <memory> <mutex> <optional>
  <set> <span> <string> <thread> <variant> <vector>)

function(jet_precompile_json target)
  jet_precompile(${target} JSON ${JET_PLAIN_HEADERS})
endfunction()

function(jet_precompile_tests target)
  jet_precompile(${target} TESTS
    ${JET_PLAIN_HEADERS} <gtest/gtest.h> <fstream> <random>)
endfunction()
