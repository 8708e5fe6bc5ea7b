// Descriptions of machines: round trip, as text and as bytecode.

// RUN: jet-opt %s | jet-opt | FileCheck %s
// RUN: jet-opt %s -emit-bytecode | jet-opt | FileCheck %s

module attributes {
  // CHECK: jet.a = #jet.target<"h200", memory_bandwidth = 4.18e+12, tensor_flops = 7.53e+14, vector_flops = 6.69e+13, memory = 141000000000>
  jet.a = #jet.target<"h200", memory_bandwidth = 4.18e+12, tensor_flops = 7.53e+14, vector_flops = 6.69e+13, memory = 141000000000>,
  // CHECK-SAME: jet.b = #jet.target<"slow", memory_bandwidth = 1.0, tensor_flops = 2.0, vector_flops = 0.5, memory = 1, launch_seconds = 2.5e-06>
  jet.b = #jet.target<"slow", memory_bandwidth = 1.0, tensor_flops = 2.0, vector_flops = 0.5, memory = 1, launch_seconds = 2.5e-06>,
  // CHECK-SAME: jet.c = #jet.target<"free", memory_bandwidth = 1.0, tensor_flops = 2.0, vector_flops = 0.5, memory = 1, launch_seconds = 0.0>
  jet.c = #jet.target<"free", memory_bandwidth = 1.0, tensor_flops = 2.0, vector_flops = 0.5, memory = 1, launch_seconds = 0.0>
} {}
