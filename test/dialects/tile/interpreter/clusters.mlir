// RUN: jet-opt %s -jet-interpret-tile -split-input-file -verify-diagnostics -o /dev/null
// RUN: jet-opt %s -jet-interpret-tile=seed=5 -split-input-file -verify-diagnostics -o /dev/null

!bar = !tile.barriers<1>
tile.kernel @not_started() block 32 cluster 2 attributes {tile.grid = array<i64: 2>} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %p = arith.constant 0 : i32
  %bar = tile.alloc : !bar
  %rank = tile.cluster_rank
  %other = arith.xori %rank, %c1 : index
  %lead = tile.elect
  scf.if %lead {
    tile.init_barriers %bar count 1 : !bar
    tile.fence_barriers
    // One of both is set up later.
    // expected-error @+2 {{'tile.arrive_remote' op uses the shared memory of a CTA that may not have started: expected a tile.cluster_sync before}}
    // expected-error-re @+1 {{uses a barrier {{before tile.init_barriers|that another thread sets up, without a barrier of threads between}}}}
    tile.arrive_remote %bar[%c0] of %other : !bar
  }
  tile.cluster_sync
  tile.return
}

// -----

!bar = !tile.barriers<1>
tile.kernel @has_ended() block 32 cluster 2 attributes {tile.grid = array<i64: 2>} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %bar = tile.alloc : !bar
  %rank = tile.cluster_rank
  %other = arith.xori %rank, %c1 : index
  %lead = tile.elect
  scf.if %lead {
    tile.init_barriers %bar count 1 : !bar
    tile.fence_barriers
  }
  tile.cluster_sync
  scf.if %lead {
    // expected-error @+1 {{may use the shared memory of a CTA that has ended: expected a tile.cluster_sync behind it}}
    tile.arrive_remote %bar[%c0] of %other : !bar
  }
  tile.return
}

// -----

// An arrival at another CTA tells that reads are over, not what was written.
!bar = !tile.barriers<1>
!s = !tile.shared<32xf32>
tile.kernel @not_released() block 64 cluster 2 attributes {tile.grid = array<i64: 2>} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c32 = arith.constant 32 : index
  %p = arith.constant 0 : i32
  %one = arith.constant 1.0 : f32
  %there = tile.alloc : !bar
  %back = tile.alloc : !bar
  %s = tile.alloc : !s
  %rank = tile.cluster_rank
  %other = arith.xori %rank, %c1 : index
  %thread = tile.thread_id
  %first = arith.cmpi eq, %thread, %c0 : index
  scf.if %first {
    tile.init_barriers %there count 1 : !bar
    tile.init_barriers %back count 1 : !bar
    tile.fence_barriers
  }
  tile.cluster_sync
  // The first thread tells the other CTA, whose second warp tells this one's.
  %second = arith.cmpi eq, %thread, %c32 : index
  scf.if %first {
    // expected-note @+1 {{written here by thread 0}}
    tile.store %one, %s[%c0] : f32, !s
    tile.arrive_remote %there[%c0] of %other : !bar
  } else {
    scf.if %second {
      tile.wait %there[%c0] parity %p : !bar
      tile.arrive_remote %back[%c0] of %other : !bar
      tile.wait %back[%c0] parity %p : !bar
      // expected-error @+1 {{reads what another thread wrote without a barrier between}}
      %v = tile.load %s[%c0] : !s, f32
    }
  }
  tile.cluster_sync
  tile.return
}

// -----

!bar = !tile.barriers<1>
tile.kernel @no_such_rank() block 32 cluster 2 attributes {tile.grid = array<i64: 2>} {
  %c0 = arith.constant 0 : index
  %c2 = arith.constant 2 : index
  %bar = tile.alloc : !bar
  %lead = tile.elect
  scf.if %lead {
    tile.init_barriers %bar count 1 : !bar
    tile.fence_barriers
    // expected-error @+1 {{expected a rank below 2, found 2}}
    tile.arrive_remote %bar[%c0] of %c2 : !bar
  }
  tile.return
}

// -----

// The arrival of the writer does not order a read of its shared memory.
!s = !tile.shared<32xf32>
!bar = !tile.barriers<1>
tile.kernel @unordered_remote_read() block 32 cluster 2 attributes {tile.grid = array<i64: 2>} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %p = arith.constant 0 : i32
  %one = arith.constant 1.0 : f32
  %s = tile.alloc : !s
  %bar = tile.alloc : !bar
  %rank = tile.cluster_rank
  %lane = tile.lane_id
  %lead = tile.elect
  scf.if %lead {
    tile.init_barriers %bar count 32 : !bar
    tile.fence_barriers
  }
  tile.cluster_sync
  %is_first = arith.cmpi eq, %rank, %c0 : index
  scf.if %is_first {
    // expected-note @+1 {{written here by thread 0 of CTA 0,0,0}}
    tile.store %one, %s[%lane] : f32, !s
    tile.arrive_remote %bar[%c0] of %c1 : !bar
  } else {
    tile.wait %bar[%c0] parity %p : !bar
    // expected-error @+1 {{'tile.load_remote' op reads what another thread wrote without a barrier between (thread 0 of CTA 1,0,0)}}
    %v = tile.load_remote %s[%lane] of %c0 : !s, f32
  }
  tile.cluster_sync
  tile.return
}

// -----

// What another CTA sends is there behind a cluster_sync, not before.
!s = !tile.shared<32xf32>
tile.kernel @unordered_remote_store() block 32 cluster 2 attributes {tile.grid = array<i64: 2>} {
  %c1 = arith.constant 1 : index
  %one = arith.constant 1.0 : f32
  %s = tile.alloc : !s
  %lane = tile.lane_id
  %rank = tile.cluster_rank
  tile.cluster_sync
  %other = arith.subi %c1, %rank : index
  // expected-error @+1 {{'tile.store_remote' op overwrites what another thread reads, without a barrier between (thread 0 of CTA 0,0,0)}}
  tile.store_remote %one, %s[%lane] of %other : f32, !s
  // expected-note @+1 {{read here by thread 0 of CTA 1,0,0}}
  %v = tile.load %s[%lane] : !s, f32
  tile.cluster_sync
  tile.return
}
