// One case per labelled constraint of #jet.target.

// RUN: jet-opt %s -verify-diagnostics -split-input-file

// C1
// expected-error @+1 {{expected a name}}
module attributes {jet.a = #jet.target<"", memory_bandwidth = 1.0, tensor_flops = 2.0, vector_flops = 0.5, memory = 1>} {}

// -----

// C2
// expected-error @+1 {{expected memory_bandwidth > 0, found 0.0}}
module attributes {jet.a = #jet.target<"m", memory_bandwidth = 0.0, tensor_flops = 2.0, vector_flops = 0.5, memory = 1>} {}

// -----

// C2
// expected-error @+1 {{expected tensor_flops > 0, found -2.0}}
module attributes {jet.a = #jet.target<"m", memory_bandwidth = 1.0, tensor_flops = -2.0, vector_flops = 0.5, memory = 1>} {}

// -----

// C2
// expected-error @+1 {{expected vector_flops > 0, found INF}}
module attributes {jet.a = #jet.target<"m", memory_bandwidth = 1.0, tensor_flops = 2.0, vector_flops = 0x7FF0000000000000, memory = 1>} {}

// -----

// C2
// expected-error @+1 {{expected memory > 0, found 0}}
module attributes {jet.a = #jet.target<"m", memory_bandwidth = 1.0, tensor_flops = 2.0, vector_flops = 0.5, memory = 0>} {}

// -----

// C3
// expected-error @+1 {{expected launch_seconds >= 0, found -1.0}}
module attributes {jet.a = #jet.target<"m", memory_bandwidth = 1.0, tensor_flops = 2.0, vector_flops = 0.5, memory = 1, launch_seconds = -1.0>} {}
