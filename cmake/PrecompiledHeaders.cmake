# jet_precompile_mlir(<target>) compiles a target that uses MLIR with the headers
# below precompiled, as reading MLIR's headers is most of the time that such a file
# takes to compile (-DJET_PRECOMPILED_HEADERS=OFF to compare).
#
# The headers are compiled once, for the first target; others reuse them, for
# which compile options must be the same.
option(JET_PRECOMPILED_HEADERS "Precompile MLIR's headers" ON)

if(JET_PRECOMPILED_HEADERS AND CMAKE_CXX_COMPILER_ID MATCHES Clang)
  # With the time of the header file in it no cache would ever hit.
  add_compile_options("$<$<COMPILE_LANGUAGE:CXX>:SHELL:-Xclang -fno-pch-timestamp>")
endif()

function(jet_precompile_mlir target)
  if(NOT JET_PRECOMPILED_HEADERS)
    return()
  endif()
  # The objects of a library that add_mlir_library() makes are a target.
  if(TARGET obj.${target})
    set(target obj.${target})
  endif()
  get_property(first GLOBAL PROPERTY JET_PRECOMPILED)
  if(first)
    target_precompile_headers(${target} REUSE_FROM ${first})
    return()
  endif()
  set_property(GLOBAL PROPERTY JET_PRECOMPILED ${target})
  target_precompile_headers(${target} PRIVATE
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
    <mlir/Pass/PassManager.h>
    <mlir/Transforms/DialectConversion.h>)
endfunction()
