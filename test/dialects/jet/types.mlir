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
