// NVIDIA H200 SXM, 141 GB. Bandwidth and tensor_flops are what the machine was
// measured to give, not its data sheet: a device-to-device copy and a bf16 GEMM
// of 8192 cubed. vector_flops is the data sheet's f32 rate.
#jet.target<"h200", memory_bandwidth = 4.18e+12, tensor_flops = 7.53e+14,
            vector_flops = 6.69e+13, memory = 141000000000>
