// What is no conversion to or from f8E4M3FN that is exact or rounds once.

// RUN: jet-opt %s -jet-expand-f8 -verify-diagnostics -split-input-file

func.func @sum(%x: f8E4M3FN) -> f8E4M3FN {
  // expected-error @+1 {{'arith.addf' op expected f8E4M3FN only to be extended, or rounded to from f32, bf16 or f16, ties to even}}
  %y = arith.addf %x, %x : f8E4M3FN
  return %y : f8E4M3FN
}

// -----

func.func @twice(%x: f64) -> f8E4M3FN {
  // expected-error @+1 {{'arith.truncf' op expected f8E4M3FN only to be extended}}
  %y = arith.truncf %x : f64 to f8E4M3FN
  return %y : f8E4M3FN
}

// -----

func.func @down(%x: f32) -> f8E4M3FN {
  // expected-error @+1 {{'arith.truncf' op expected f8E4M3FN only to be extended}}
  %y = arith.truncf %x downward : f32 to f8E4M3FN
  return %y : f8E4M3FN
}
