module assay/benchmarks/load

go 1.22
