// One case per labelled constraint of jet.launch, then broken syntax.

// RUN: jet-opt %s -verify-diagnostics -split-input-file

// C1: no such kernel
func.func @program(%x: tensor<?x128xf32>) -> tensor<?x128xf32> {
  // expected-error @+1 {{'jet.launch' op refers to a kernel that does not exist: @kernels::@missing}}
  %y = jet.launch @kernels::@missing(%x) rows tokens : (tensor<?x128xf32>) -> tensor<?x128xf32>
  return %y : tensor<?x128xf32>
}
module @kernels {}

// -----

// C1: no module of kernels
func.func @program(%x: tensor<?x128xf32>) -> tensor<?x128xf32> {
  // expected-error @+1 {{'jet.launch' op refers to a kernel that does not exist: @kernels::@f}}
  %y = jet.launch @kernels::@f(%x) rows tokens : (tensor<?x128xf32>) -> tensor<?x128xf32>
  return %y : tensor<?x128xf32>
}

// -----

// C1: not a function
func.func @program(%x: tensor<?x128xf32>) -> tensor<?x128xf32> {
  // expected-error @+1 {{'jet.launch' op refers to a kernel that is not a function: @kernels::@f}}
  %y = jet.launch @kernels::@f(%x) rows tokens : (tensor<?x128xf32>) -> tensor<?x128xf32>
  return %y : tensor<?x128xf32>
}
module @kernels {
  module @f {}
}

// -----

// C2: operands
func.func @program(%x: tensor<?x128xf32>) -> tensor<?x128xf32> {
  // expected-error @+1 {{'jet.launch' op does not match the kernel's type '(tensor<?x64xf32>) -> tensor<?x128xf32>'}}
  %y = jet.launch @kernels::@f(%x) rows tokens : (tensor<?x128xf32>) -> tensor<?x128xf32>
  return %y : tensor<?x128xf32>
}
module @kernels {
  func.func private @f(tensor<?x64xf32>) -> tensor<?x128xf32>
}

// -----

// C2: results
func.func @program(%x: tensor<?x128xf32>) {
  // expected-error @+1 {{'jet.launch' op does not match the kernel's type '(tensor<?x128xf32>) -> tensor<?x128xf32>'}}
  jet.launch @kernels::@f(%x) rows tokens : (tensor<?x128xf32>) -> ()
  return
}
module @kernels {
  func.func private @f(tensor<?x128xf32>) -> tensor<?x128xf32>
}

// -----

func.func @program(%x: tensor<?x128xf32>) {
  // expected-error @+1 {{expected 'tokens' or 'sequences', found 'heads'}}
  jet.launch @kernels::@f(%x) rows heads : (tensor<?x128xf32>) -> ()
  return
}
