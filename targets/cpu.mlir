// A small server: two x86-64-v4 cores of a shared machine. Bandwidth is that of
// a streaming read by both cores, the rates are f32 multiply-adds in registers;
// a CPU has one unit for both kinds of arithmetic. Copy this file and put your
// machine's numbers in: jetc inspect --cost --target=FILE.
#jet.target<"cpu", memory_bandwidth = 1.2e+10, tensor_flops = 1.3e+11,
            vector_flops = 1.3e+11, memory = 16000000000>
