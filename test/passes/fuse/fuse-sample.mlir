// What is picked of merged candidates is picked where they are merged.
// RUN: jet-opt %s --pass-pipeline="builtin.module(func.func(jet-fuse-sample))" | FileCheck %s
// RUN: jet-opt %s --pass-pipeline="builtin.module(func.func(jet-fuse-sample{remarks=true}))" 2>&1 | FileCheck %s --check-prefix=REMARK

!parts = tensor<?x32xf32>
!part_ids = tensor<?x32xi32>
!values = tensor<?x4xf32>
!ids = tensor<?x4xi32>
!sampling = tensor<?x4xf32>

// CHECK-LABEL: func.func @merge
// CHECK-NEXT: %[[V:.*]], %[[I:.*]], %[[N:.*]] = jet.merge_top_k %arg0, %arg1 k 4 sample %arg2 :
// CHECK-NEXT: return %[[V]], %[[I]], %[[N]]
func.func @merge(%p: !parts, %q: !part_ids, %s: !sampling) -> (!values, !ids, tensor<?xi32>) {
  %v, %i = jet.merge_top_k %p, %q k 4 : (!parts, !part_ids) -> (!values, !ids)
  %n = jet.sample %v, %i by %s : (!values, !ids, !sampling) -> tensor<?xi32>
  return %v, %i, %n : !values, !ids, tensor<?xi32>
}

// A second one of the same candidates stays by itself.
// REMARK: remark: fusion 'sample' refused: the merge samples already
// CHECK-LABEL: func.func @two
// CHECK: %[[V:.*]], %[[I:.*]], %[[N:.*]] = jet.merge_top_k %arg0, %arg1 k 4 sample %arg2 :
// CHECK: %[[M:.*]] = jet.sample %[[V]], %[[I]] by %arg3
// CHECK: return %[[N]], %[[M]]
func.func @two(%p: !parts, %q: !part_ids, %s: !sampling, %t: !sampling) -> (tensor<?xi32>, tensor<?xi32>) {
  %v, %i = jet.merge_top_k %p, %q k 4 : (!parts, !part_ids) -> (!values, !ids)
  %n = jet.sample %v, %i by %s : (!values, !ids, !sampling) -> tensor<?xi32>
  %m = jet.sample %v, %i by %t : (!values, !ids, !sampling) -> tensor<?xi32>
  return %n, %m : tensor<?xi32>, tensor<?xi32>
}

// One block is all there is.
// REMARK-NOT: remark
// CHECK-LABEL: func.func @one_block
// CHECK: jet.sample
func.func @one_block(%x: tensor<?x8xf32>, %w: tensor<128x8xf32>, %s: !sampling) -> tensor<?xi32> {
  %v, %i = jet.linear_top_k %x, %w k 4 block 128 : (tensor<?x8xf32>, tensor<128x8xf32>) -> (!values, !ids)
  %n = jet.sample %v, %i by %s : (!values, !ids, !sampling) -> tensor<?xi32>
  return %n : tensor<?xi32>
}

// REMARK: remark: fusion 'sample' refused: its candidates are not those of a merge
// CHECK-LABEL: func.func @other_ids
// CHECK: jet.sample
func.func @other_ids(%p: !parts, %q: !part_ids, %s: !sampling, %i: !ids) -> tensor<?xi32> {
  %v, %j = jet.merge_top_k %p, %q k 4 : (!parts, !part_ids) -> (!values, !ids)
  %n = jet.sample %v, %i by %s : (!values, !ids, !sampling) -> tensor<?xi32>
  return %n : tensor<?xi32>
}

// REMARK: remark: fusion 'sample' refused: how to sample comes after the merge
// CHECK-LABEL: func.func @later
// CHECK: jet.sample
func.func @later(%p: !parts, %q: !part_ids, %s: !sampling) -> tensor<?xi32> {
  %v, %i = jet.merge_top_k %p, %q k 4 : (!parts, !part_ids) -> (!values, !ids)
  %t = jet.swiglu %s, %v : (!sampling, !values) -> !sampling
  %n = jet.sample %v, %i by %t : (!values, !ids, !sampling) -> tensor<?xi32>
  return %n : tensor<?xi32>
}
