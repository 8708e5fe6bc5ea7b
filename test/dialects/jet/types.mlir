// The batch and the state types: round trip, as text and as bytecode.

// RUN: jet-opt %s | jet-opt | FileCheck %s
// RUN: jet-opt %s -emit-bytecode | jet-opt | FileCheck %s

// CHECK-LABEL: @types
// CHECK-SAME: !jet.batch
// CHECK-SAME: !jet.kv_cache<2x128xbf16, window = 1152>
// CHECK-SAME: !jet.recurrent_state<12x96x256xf32>
// CHECK-SAME: !jet.conv_tail<3x3072xbf16>
func.func private @types(!jet.batch, !jet.kv_cache<2x128xbf16, window = 1152>,
                         !jet.recurrent_state<12x96x256xf32>,
                         !jet.conv_tail<3x3072xbf16>)

// A cache in pages; the tail of a convolution of size 1 has no rows
// (0x256 is not a hexadecimal number here).
// CHECK-LABEL: @edges
// CHECK-SAME: !jet.kv_cache<1x2xf32, page = 64>
// CHECK-SAME: !jet.conv_tail<0x256xf32>
// CHECK-SAME: !jet.recurrent_state<2147483647x1x1xf32>
func.func private @edges(!jet.kv_cache<1x2xf32, page = 64>, !jet.conv_tail<0x256xf32>,
                         !jet.recurrent_state<2147483647x1x1xf32>)

// Scales of f8E4M3FN; 1 is the same as none.
// CHECK-LABEL: @scales
// CHECK-SAME: !jet.kv_cache<2x128xf8E4M3FN, page = 64>
// CHECK-SAME: !jet.kv_cache<2x128xf8E4M3FN, window = 8, k_scale = 0.5, v_scale = 3.0>
// CHECK-SAME: !jet.kv_cache<2x128xf8E4M3FN, page = 64, v_scale = 0.1>
func.func private @scales(!jet.kv_cache<2x128xf8E4M3FN, page = 64, k_scale = 1.0>,
                          !jet.kv_cache<2x128xf8E4M3FN, v_scale = 3.0, window = 8, k_scale = 0.5>,
                          !jet.kv_cache<2x128xf8E4M3FN, page = 64, v_scale = 0.1>)
