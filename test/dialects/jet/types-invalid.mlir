// One case per labelled constraint of the state types, then broken syntax.

// RUN: jet-opt %s -verify-diagnostics -split-input-file

// kv_cache C1
// expected-error @+1 {{expected size > 0, found 0}}
func.func private @heads(!jet.kv_cache<0x32xf32, page = 64>)

// -----

// kv_cache C1
// expected-error @+1 {{expected size > 0, found -8}}
func.func private @window(!jet.kv_cache<2x32xf32, window = -8>)

// -----

// kv_cache C1
// expected-error @+1 {{expected size <= 2147483647, found 2147483648}}
func.func private @large(!jet.kv_cache<2147483648x32xf32, page = 64>)

// -----

// kv_cache C2
// expected-error @+1 {{expected elements of f32, bf16 or f8E4M3FN, found 'i8'}}
func.func private @element(!jet.kv_cache<2x32xi8, page = 64>)

// -----

// kv_cache C4: none
// expected-error @+1 {{expected either a page or a window, found none}}
func.func private @neither(!jet.kv_cache<2x32xf32>)

// -----

// kv_cache C4: both
// expected-error @+1 {{expected either a page or a window, found both}}
func.func private @both(!jet.kv_cache<2x32xf32, page = 64, window = 8>)

// -----

// kv_cache C1: no page
// expected-error @+1 {{expected size > 0, found 0}}
func.func private @empty(!jet.kv_cache<2x32xf32, page = 0>)

// -----

// kv_cache C5
// expected-error @+1 {{expected a page of a power of two, found 48}}
func.func private @odd(!jet.kv_cache<2x32xf32, page = 48>)

// -----

// kv_cache C2: a float that attention does not read
// expected-error @+1 {{expected elements of f32, bf16 or f8E4M3FN, found 'f16'}}
func.func private @half(!jet.kv_cache<2x32xf16, page = 64>)

// -----

// kv_cache C2: the other f8 is another type
// expected-error @+1 {{expected elements of f32, bf16 or f8E4M3FN, found 'f8E5M2'}}
func.func private @bf8(!jet.kv_cache<2x32xf8E5M2, page = 64>)

// -----

// kv_cache C3
// expected-error @+1 {{expected k_scale positive and normal in f32, found 0.000000e+00}}
func.func private @zero(!jet.kv_cache<2x32xf8E4M3FN, page = 64, k_scale = 0.0>)

// -----

// kv_cache C3
// expected-error @+1 {{expected v_scale positive and normal in f32, found -2.000000e+00}}
func.func private @negative(!jet.kv_cache<2x32xf8E4M3FN, window = 4, v_scale = -2.0>)

// -----

// kv_cache C3: 0 in f32
// expected-error @+1 {{expected v_scale positive and normal in f32, found}}
func.func private @tiny(!jet.kv_cache<2x32xf8E4M3FN, page = 64, v_scale = 1.0e-50>)

// -----

// kv_cache C3
// expected-error @+1 {{expected k_scale 1 with elements of 'bf16', found 5.000000e+00}}
func.func private @scaled(!jet.kv_cache<2x32xbf16, page = 64, k_scale = 5.0>)

// -----

// recurrent_state C1
// expected-error @+1 {{expected size > 0, found 0}}
func.func private @key(!jet.recurrent_state<4x0x64xf32>)

// -----

// recurrent_state C2
// expected-error @+1 {{expected elements of f32 or bf16, found 'index'}}
func.func private @element(!jet.recurrent_state<4x32x64xindex>)

// -----

// recurrent_state C2: too coarse for a sum
// expected-error @+1 {{expected elements of f32 or bf16, found 'f8E4M3FN'}}
func.func private @f8(!jet.recurrent_state<4x32x64xf8E4M3FN>)

// -----

// recurrent_state C2
// expected-error @+1 {{expected elements of f32 or bf16, found 'f64'}}
func.func private @double(!jet.recurrent_state<4x32x64xf64>)

// -----

// conv_tail C1: no channels
// expected-error @+1 {{expected size > 0, found 0}}
func.func private @channels(!jet.conv_tail<3x0xf32>)

// -----

// conv_tail C1: more rows than fit
// expected-error @+1 {{expected size <= 2147483647, found 9223372036854775807}}
func.func private @rows(!jet.conv_tail<9223372036854775807x4xf32>)

// -----

// conv_tail C2
// expected-error @+1 {{expected elements of f32 or bf16, found '!jet.batch'}}
func.func private @element(!jet.conv_tail<3x256x!jet.batch>)

// -----

// expected-error @+1 {{expected 2 sizes, found 3}}
func.func private @rank(!jet.kv_cache<2x32x4xf32, page = 64>)

// -----

// expected-error @+1 {{expected 3 sizes, found 1}}
func.func private @rank(!jet.recurrent_state<4xf32>)

// -----

// expected-error @+1 {{expected static shape}}
func.func private @dynamic(!jet.kv_cache<?x32xf32, page = 64>)
