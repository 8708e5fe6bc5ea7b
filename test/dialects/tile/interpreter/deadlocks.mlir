// RUN: jet-opt %s -jet-interpret-tile -split-input-file -verify-diagnostics -o /dev/null
// RUN: jet-opt %s -jet-interpret-tile=seed=3 -split-input-file -verify-diagnostics -o /dev/null

!bar = !tile.barriers<2>
tile.kernel @missing_arrive() block 64 attributes {tile.grid = array<i64: 1>} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %p = arith.constant 0 : i32
  %bars = tile.alloc : !bar
  %thread = tile.thread_id
  %first = arith.cmpi eq, %thread, %c0 : index
  scf.if %first {
    tile.init_barriers %bars count 2 : !bar
    tile.fence_barriers
  }
  tile.sync
  scf.if %first {
    tile.arrive %bars[%c1] : !bar
  }
  // expected-error @+1 {{'tile.wait' op deadlock: 64 threads wait here for ever: barrier 1 in phase 0, which misses 1 of 2 arrivals and 0 bytes, parity 0 awaited (thread 0 of CTA 0,0,0)}}
  tile.wait %bars[%c1] parity %p : !bar
  tile.return
}

// -----

// The producer waits for parity 0 of a new barrier; the consumer for it.
!s = !tile.shared<256xf32>
!bar = !tile.barriers<1>
tile.kernel @wrong_parity(%x: memref<256xf32>) block 64 attributes {tile.grid = array<i64: 1>} {
  %c0 = arith.constant 0 : index
  %p = arith.constant 0 : i32
  %bytes = arith.constant 1024 : i32
  %s = tile.alloc : !s
  %full = tile.alloc : !bar
  %empty = tile.alloc : !bar
  %thread = tile.thread_id
  %first = arith.cmpi eq, %thread, %c0 : index
  scf.if %first {
    tile.init_barriers %full count 1 : !bar
    tile.init_barriers %empty count 32 : !bar
    tile.fence_barriers
  }
  tile.sync
  tile.roles {
    tile.role @producer threads 32 {
      scf.if %first {
        // expected-error @+1 {{deadlock: 1 threads wait here for ever: barrier 0 in phase 0, which misses 32 of 32 arrivals and 0 bytes, parity 0 awaited}}
        tile.wait %empty[%c0] parity %p : !bar
        tile.arrive_expect %full[%c0], %bytes : !bar
        tile.bulk_load %x[%c0] to %s, %full[%c0] : memref<256xf32>, !s, !bar
      }
      tile.return
    }
    tile.role @consumer threads 32 {
      // expected-note @+1 {{32 threads wait here for ever: barrier 0 in phase 0, which misses 1 of 1 arrivals and 0 bytes, parity 0 awaited (thread 32 of CTA 0,0,0)}}
      tile.wait %full[%c0] parity %p : !bar
      tile.arrive %empty[%c0] : !bar
      tile.return
    }
  }
  tile.return
}

// -----

// More bytes are expected than come.
!s = !tile.shared<256xf32>
!bar = !tile.barriers<1>
tile.kernel @missing_bytes(%x: memref<256xf32>) block 32 attributes {tile.grid = array<i64: 1>} {
  %c0 = arith.constant 0 : index
  %p = arith.constant 0 : i32
  %bytes = arith.constant 2048 : i32
  %s = tile.alloc : !s
  %full = tile.alloc : !bar
  %lead = tile.elect
  scf.if %lead {
    tile.init_barriers %full count 1 : !bar
    tile.fence_barriers
    tile.arrive_expect %full[%c0], %bytes : !bar
    tile.bulk_load %x[%c0] to %s, %full[%c0] : memref<256xf32>, !s, !bar
  }
  tile.sync
  // expected-error @+1 {{barrier 0 in phase 0, which misses 0 of 1 arrivals and 1024 bytes, parity 0 awaited}}
  tile.wait %full[%c0] parity %p : !bar
  tile.return
}

// -----

// The other half of the threads is elsewhere.
tile.kernel @named_barrier() block 64 attributes {tile.grid = array<i64: 1>} {
  tile.roles {
    tile.role @a threads 32 {
      // expected-error @+1 {{deadlock: 32 threads wait here for ever: 32 of 64 threads have arrived}}
      tile.sync id 1 threads 64
      tile.return
    }
    tile.role @b threads 32 {
      tile.return
    }
  }
  tile.return
}

// -----

tile.kernel @part_of_a_warp() block 32 attributes {tile.grid = array<i64: 1>} {
  %c4 = arith.constant 4 : index
  %x = arith.constant 1.0 : f32
  %lane = tile.lane_id
  %some = arith.cmpi ult, %lane, %c4 : index
  scf.if %some {
    // expected-error @+1 {{'tile.shuffle_xor' op deadlock: 4 threads wait here for ever: expected the whole warp at this op, found 4 lanes}}
    %y = tile.shuffle_xor %x, 1 : f32
  }
  tile.return
}

// -----

// Asking for the warp's number is a shuffle.
tile.kernel @part_of_a_warp_asks() block 64 attributes {tile.grid = array<i64: 1>} {
  %c0 = arith.constant 0 : index
  %thread = tile.thread_id
  %first = arith.cmpi eq, %thread, %c0 : index
  scf.if %first {
    // expected-error @+1 {{'tile.warp_id' op deadlock: 1 threads wait here for ever: expected the whole warp at this op, found 1 lanes (thread 0 of CTA 0,0,0)}}
    %warp = tile.warp_id
  }
  // expected-note @+1 {{63 threads wait here for ever: 63 of 64 threads have arrived}}
  tile.sync
  tile.return
}

// -----

!a = !tile.shared<64x64xbf16, swizzle 128>
tile.kernel @part_of_a_warpgroup() block 128 attributes {tile.grid = array<i64: 1>} {
  %c64 = arith.constant 64 : index
  %a = tile.alloc : !a
  %thread = tile.thread_id
  %some = arith.cmpi ult, %thread, %c64 : index
  tile.wgmma_fence
  scf.if %some {
    // expected-error @+1 {{64 threads wait here for ever: not all warps of the warpgroup have arrived}}
    %s = tile.wgmma %a, %a : !a, !a -> !tile.acc<64x64xf32>
    tile.wgmma_commit
    tile.wgmma_wait 0
  }
  tile.return
}

// -----

!bar = !tile.barriers<1>
tile.kernel @too_many_arrivals(%x: memref<256xf32>) block 32 attributes {tile.grid = array<i64: 1>} {
  %c0 = arith.constant 0 : index
  %p = arith.constant 0 : i32
  %bytes = arith.constant 1024 : i32
  %s = tile.alloc : !tile.shared<256xf32>
  %full = tile.alloc : !bar
  %lead = tile.elect
  scf.if %lead {
    tile.init_barriers %full count 1 : !bar
    tile.fence_barriers
  }
  tile.sync
  // expected-error @+1 {{'tile.arrive_expect' op expected 1 arrivals in a phase, found another (thread 1 of CTA 0,0,0)}}
  tile.arrive_expect %full[%c0], %bytes : !bar
  scf.if %lead {
    tile.bulk_load %x[%c0] to %s, %full[%c0] : memref<256xf32>, !tile.shared<256xf32>, !bar
    tile.wait %full[%c0] parity %p : !bar
  }
  tile.return
}

// -----

!bar = !tile.barriers<1>
tile.kernel @unexpected_bytes(%x: memref<256xf32>) block 32 attributes {tile.grid = array<i64: 1>} {
  %c0 = arith.constant 0 : index
  %p = arith.constant 0 : i32
  %s = tile.alloc : !tile.shared<256xf32>
  %full = tile.alloc : !bar
  %lead = tile.elect
  scf.if %lead {
    tile.init_barriers %full count 1 : !bar
    tile.fence_barriers
    // expected-error @+1 {{expected the bytes of the copy in a tile.arrive_expect of its phase: the barrier completes without 1024 of them}}
    tile.bulk_load %x[%c0] to %s, %full[%c0] : memref<256xf32>, !tile.shared<256xf32>, !bar
    tile.arrive %full[%c0] : !bar
    tile.wait %full[%c0] parity %p : !bar
  }
  tile.return
}
