// Every test here owns the machine while it runs: rates and gaps are claims, and there are two cores.
[assembly: CollectionBehavior(DisableTestParallelization = true)]
