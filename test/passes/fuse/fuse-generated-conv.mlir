// A convolution computes its own taps.
// RUN: jet-opt %s --pass-pipeline="builtin.module(func.func(jet-fuse-generated-conv))" | FileCheck %s
// RUN: jet-opt %s --pass-pipeline="builtin.module(func.func(jet-fuse-generated-conv{remarks=true}))" 2>&1 | FileCheck %s --check-prefix=REMARK

// CHECK-LABEL: func.func @generated
// CHECK-NOT: jet.linear
// CHECK: jet.generated_conv %arg0, %arg1, %arg2, %arg3, %arg4, %arg5
func.func @generated(%u: tensor<?x6xf32>, %h: tensor<?x3xf32>, %w: tensor<24x3xf32>, %b: tensor<24xf32>,
                     %t: !jet.conv_tail<3x6xf32>, %batch: !jet.batch) -> tensor<?x6xf32> {
  %taps = jet.linear %h, %w bias %b : (tensor<?x3xf32>, tensor<24x3xf32>, tensor<24xf32>) -> tensor<?x24xf32>
  %y, %next = jet.dynamic_conv %u, %taps, %t, %batch : (tensor<?x6xf32>, tensor<?x24xf32>, !jet.conv_tail<3x6xf32>, !jet.batch) -> (tensor<?x6xf32>, !jet.conv_tail<3x6xf32>)
  return %y : tensor<?x6xf32>
}

// REMARK: remark: fusion 'generated-conv' refused: its taps are not made by a linear with a bias
// CHECK-LABEL: func.func @given
// CHECK: jet.dynamic_conv
func.func @given(%u: tensor<?x6xf32>, %taps: tensor<?x24xf32>, %t: !jet.conv_tail<3x6xf32>, %batch: !jet.batch) -> tensor<?x6xf32> {
  %y, %next = jet.dynamic_conv %u, %taps, %t, %batch : (tensor<?x6xf32>, tensor<?x24xf32>, !jet.conv_tail<3x6xf32>, !jet.batch) -> (tensor<?x6xf32>, !jet.conv_tail<3x6xf32>)
  return %y : tensor<?x6xf32>
}

// REMARK: remark: fusion 'generated-conv' refused: its taps have other readers
// CHECK-LABEL: func.func @taps_read_twice
// CHECK: jet.dynamic_conv
func.func @taps_read_twice(%u: tensor<?x6xf32>, %h: tensor<?x3xf32>, %w: tensor<24x3xf32>, %b: tensor<24xf32>,
                     %t: !jet.conv_tail<3x6xf32>, %batch: !jet.batch) -> (tensor<?x6xf32>, tensor<?x24xf32>) {
  %taps = jet.linear %h, %w bias %b : (tensor<?x3xf32>, tensor<24x3xf32>, tensor<24xf32>) -> tensor<?x24xf32>
  %y, %next = jet.dynamic_conv %u, %taps, %t, %batch : (tensor<?x6xf32>, tensor<?x24xf32>, !jet.conv_tail<3x6xf32>, !jet.batch) -> (tensor<?x6xf32>, !jet.conv_tail<3x6xf32>)
  return %y, %taps : tensor<?x6xf32>, tensor<?x24xf32>
}
