// RUN: jet-opt %s -jet-interpret-tile -split-input-file -verify-diagnostics -o /dev/null

// The second warp reads what the first writes.
!s = !tile.shared<64xf32>
tile.kernel @missing_sync() block 64 attributes {tile.grid = array<i64: 1>} {
  %c32 = arith.constant 32 : index
  %one = arith.constant 1.0 : f32
  %s = tile.alloc : !s
  %thread = tile.thread_id
  %first = arith.cmpi ult, %thread, %c32 : index
  scf.if %first {
    // expected-note @+1 {{written here by thread 0 of CTA 0,0,0}}
    tile.store %one, %s[%thread] : f32, !s
    tile.sync_warp
  } else {
    %other = arith.subi %thread, %c32 : index
    // expected-error @+1 {{'tile.load' op reads what another thread wrote without a barrier between (thread 32 of CTA 0,0,0)}}
    %v = tile.load %s[%other] : !s, f32
  }
  tile.return
}

// -----

// So do lanes of a warp.
!s = !tile.shared<64xf32>
tile.kernel @missing_sync_warp() block 32 attributes {tile.grid = array<i64: 1>} {
  %c1 = arith.constant 1 : index
  %one = arith.constant 1.0 : f32
  %s = tile.alloc : !s
  %lane = tile.lane_id
  // expected-note @+1 {{written here by thread 1 of CTA 0,0,0}}
  tile.store %one, %s[%lane] : f32, !s
  %other = arith.xori %lane, %c1 : index
  // expected-error @+1 {{reads what another thread wrote without a barrier between}}
  %v = tile.load %s[%other] : !s, f32
  tile.return
}

// -----

// The second round overwrites what others may not have read yet.
!s = !tile.shared<64xf32>
tile.kernel @missing_second_sync() block 64 attributes {tile.grid = array<i64: 1>} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %c63 = arith.constant 63 : index
  %one = arith.constant 1.0 : f32
  %s = tile.alloc : !s
  %thread = tile.thread_id
  %other = arith.subi %c63, %thread : index
  scf.for %i = %c0 to %c2 step %c1 {
    // expected-note @+1 {{written here by thread}}
    tile.store %one, %s[%thread] : f32, !s
    tile.sync
    // expected-error @+1 {{reads what another thread wrote without a barrier between}}
    %v = tile.load %s[%other] : !s, f32
  }
  tile.return
}

// -----

// The writer comes second.
!s = !tile.shared<32xf32>
tile.kernel @overwritten() block 64 attributes {tile.grid = array<i64: 1>} {
  %c0 = arith.constant 0 : index
  %c32 = arith.constant 32 : index
  %one = arith.constant 1.0 : f32
  %s = tile.alloc : !s
  %thread = tile.thread_id
  %first = arith.cmpi ult, %thread, %c32 : index
  scf.if %first {
    // expected-note @+1 {{read here by thread 0 of CTA 0,0,0}}
    %v = tile.load %s[%c0] : !s, f32
  } else {
    %at = arith.subi %thread, %c32 : index
    // expected-error @+1 {{overwrites what another thread reads, without a barrier between (thread 32 of CTA 0,0,0)}}
    tile.store %one, %s[%at] : f32, !s
  }
  tile.return
}

// -----

tile.kernel @barrier_of_another() block 64 attributes {tile.grid = array<i64: 1>} {
  %c0 = arith.constant 0 : index
  %p1 = arith.constant 1 : i32
  %bars = tile.alloc : !tile.barriers<1>
  %thread = tile.thread_id
  %first = arith.cmpi eq, %thread, %c0 : index
  scf.if %first {
    tile.init_barriers %bars count 1 : !tile.barriers<1>
  }
  tile.sync
  // expected-error @+1 {{uses a barrier without tile.fence_barriers behind its set-up}}
  tile.wait %bars[%c0] parity %p1 : !tile.barriers<1>
  tile.return
}
