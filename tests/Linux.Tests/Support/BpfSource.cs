namespace Nf.Linux.Tests.Support;

/// <summary>Compiles C to a BPF object with clang, once per source text.</summary>
public static class BpfSource
{
    private static readonly Lock Gate = new();
    private static readonly Dictionary<string, byte[]> Compiled = [];

    /// <summary>The programs most tests need.</summary>
    public static byte[] Standard =>
        Compile(File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "test_xdp.bpf.c")));

    public static byte[] Compile(string source)
    {
        lock (Gate)
        {
            if (!Compiled.TryGetValue(source, out byte[]? elf))
            {
                using var directory = new TempDirectory();
                string input = directory.File("test.bpf.c");
                string output = directory.File("test.bpf.o");
                File.WriteAllText(input, source);
                Command.Run(
                    "clang", "-O2", "-g", "-target", "bpf", $"-I/usr/include/{Multiarch}", "-c", input, "-o", output);
                elf = File.ReadAllBytes(output);
                Compiled.Add(source, elf);
            }

            return elf;
        }
    }

    private static string Multiarch =>
        System.Runtime.InteropServices.RuntimeInformation.ProcessArchitecture
            == System.Runtime.InteropServices.Architecture.X64
            ? "x86_64-linux-gnu"
            : "aarch64-linux-gnu";
}
