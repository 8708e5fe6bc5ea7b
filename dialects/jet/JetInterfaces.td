// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What every mixer attribute and every state type must be able to say.

#ifndef JET_INTERFACES_TD
#define JET_INTERFACES_TD

include "mlir/IR/OpBase.td"

def Jet_MixerAttrInterface : AttrInterface<"MixerAttrInterface"> {
  let cppNamespace = "::jet";
  let description = [{
    A token mixer of a layer. To add a mixer: an attribute that implements this
    interface, and its expansion in `passes/expand/`.
  }];
  let methods = [
    InterfaceMethod<"Name in config.json and in placements, e.g. `jet`.",
                    "::llvm::StringRef", "getMixerName">,
    InterfaceMethod<[{Types of the state that a layer with this mixer carries
                    from step to step, stored as the model says.}],
                    "::llvm::SmallVector<::mlir::Type>", "getStateTypes",
                    (ins "const ::jet::StateStorage &":$storage)>,
  ];
}

def Jet_StateTypeInterface : TypeInterface<"StateTypeInterface"> {
  let cppNamespace = "::jet";
  let description = [{
    State that one layer keeps for a sequence. A value of such a type is the
    state of *all* slots or pages; ops read and write those that the batch names.
  }];
  let methods = [
    InterfaceMethod<"Name in packages and reports, e.g. `recurrent`.",
                    "::llvm::StringRef", "getKindName">,
    InterfaceMethod<"Shape of one slot or page as stored.",
                    "::llvm::SmallVector<int64_t>", "getSlotShape">,
    InterfaceMethod<[{Whether sequences take pages of a pool as they grow, and
                    not one slot each.}],
                    "bool", "isPaged", (ins), [{}], [{ return false; }]>,
    InterfaceMethod<"Element type as stored.", "::mlir::Type",
                    "getStorageType">,
  ];
}

def Jet_PortOpInterface : OpInterface<"PortOpInterface"> {
  let cppNamespace = "::jet";
  let description = [{
    A heavy op that carries elementwise scalar code on its *ports*: tensor
    operands (code before: the op reads what the region yields) and tensor
    results (code after: the op writes what the region yields). A port's region
    takes the element at hand first, then one element of each of the port's
    extra tensors, which broadcast to the port's shape as the inputs of
    `jet.map` do.

    The op has operands `extras` (last), an attribute `ports` with a pair per
    region (port, number of extras), a port being an operand's number or −1 − a
    result's, and the regions `port_regions`.
  }];
  let methods = [
    InterfaceMethod<"Pairs of port and number of extras, one per region.",
                    "::mlir::DenseI64ArrayAttr", "getPortsAttr">,
    InterfaceMethod<"Extra tensors of all ports, in the order of the regions.",
                    "::mlir::OperandRange", "getExtras">,
    InterfaceMethod<"The regions.",
                    "::llvm::MutableArrayRef<::mlir::Region>",
                    "getPortRegions">,
    InterfaceMethod<"Whether the op can carry code on the port.", "bool",
                    "acceptsPort", (ins "int64_t":$port)>,
    InterfaceMethod<[{How many elements the op itself passes to the region: 1,
                    or the number of products that a result is made of.}],
                    "int64_t", "getLeadingArguments", (ins "int64_t":$port),
                    [{}], [{ return 1; }]>,
  ];
  let verify = [{ return ::jet::verifyPorts($_op); }];
  let verifyWithRegions = 1;
}

#endif // JET_INTERFACES_TD
