// One test at a time: they count this process's descriptors, and share two CPUs with the kernel's own threads.
[assembly: CollectionBehavior(DisableTestParallelization = true)]
