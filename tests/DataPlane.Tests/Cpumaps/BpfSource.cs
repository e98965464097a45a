using Nf.DataPlane.Tests.Xdp;

namespace Nf.DataPlane.Tests.Cpumaps;

/// <summary>Compiles C to a BPF object with clang, once per source text.</summary>
internal static class BpfSource
{
    private static readonly Lock Gate = new();
    private static readonly Dictionary<string, byte[]> Compiled = [];

    /// <summary>A program for entries that is no more than a function's body.</summary>
    internal static byte[] Entry(string body, string section = "xdp/cpumap") => Compile($$"""
        SEC("{{section}}")
        int entry(struct xdp_md *ctx)
        {
        	{{body}}
        }
        """);

    /// <summary>Compiles programs; the headers and the licence come by themselves.</summary>
    internal static byte[] Compile(string programs)
    {
        lock (Gate)
        {
            if (!Compiled.TryGetValue(programs, out byte[]? elf))
            {
                elf = Run($$"""
                    #include <linux/bpf.h>
                    #include <bpf/bpf_helpers.h>
                    {{programs}}
                    char _license[] SEC("license") = "GPL";
                    """);
                Compiled.Add(programs, elf);
            }

            return elf;
        }
    }

    private static byte[] Run(string source)
    {
        DirectoryInfo directory = Directory.CreateTempSubdirectory("nf-bpf-");
        try
        {
            string input = Path.Combine(directory.FullName, "test.bpf.c");
            string output = Path.Combine(directory.FullName, "test.bpf.o");
            File.WriteAllText(input, source);
            (int code, _, string errors) = Command.Run(
                "clang",
                "-O2 -g -target bpf -idirafter /usr/include/x86_64-linux-gnu -idirafter /usr/include/aarch64-linux-gnu "
                + $"-c {input} -o {output}");
            Assert.True(code == 0, errors);
            return File.ReadAllBytes(output);
        }
        finally
        {
            directory.Delete(recursive: true);
        }
    }
}
