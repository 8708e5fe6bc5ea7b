// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Level "launch": programs as lists of kernel launches.

#ifndef JET_LAUNCH_OPS_TD
#define JET_LAUNCH_OPS_TD

include "dialects/jet/JetDialect.td"
include "mlir/IR/BuiltinAttributes.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def Jet_LaunchOp : Op<Jet_Dialect, "launch", [
    Pure, DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "Run a kernel over all of its grid";
  let description = [{
    Calls a function of the module `@kernels`. Many launches share a kernel: all
    layers of a kind, whatever their weights. `rows` says what the rows of the
    kernel's tensors are in this launch.

    Constraints:
    - (C1) the kernel exists and is a function;
    - (C2) operand and result types are the kernel's (until `-jet-lower-kernels`
      gives it buffers).

    Example:
    ```mlir
    %y = jet.launch @kernels::@linear_128x64(%x, %w) rows tokens : (tensor<?x128xf32>, tensor<64x128xbf16>) -> tensor<?x64xf32>
    ```
  }];
  let arguments = (ins SymbolRefAttr:$kernel, Variadic<AnyType>:$operands,
                       UnitAttr:$per_sequence);
  let results = (outs Variadic<AnyType>:$results);
  let assemblyFormat = [{
    $kernel `(` $operands `)` `rows` custom<Rows>($per_sequence) attr-dict `:`
    functional-type($operands, results)
  }];
}

#endif // JET_LAUNCH_OPS_TD
