using System.Diagnostics;
using System.Runtime.InteropServices;
using Nf.DataPlane.Lab;

namespace Nf.DataPlane.Tests.Crash;

/// <summary>
/// Every state that a lab's memory went through while a real life of the fast path ran one round, store by store: what
/// a kill at any machine instruction leaves behind.
/// </summary>
internal sealed class StoreTrace
{
    private const int LineBytes = 64;
    private const uint EndOfChange = uint.MaxValue;
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(3);

    private readonly byte[][] _files;
    private readonly List<List<(int File, int Offset, byte[] Line)>> _changes = [];

    private StoreTrace(byte[][] files) => _files = files;

    /// <summary>Number of states, the first one included.</summary>
    internal int Count => _changes.Count + 1;

    /// <summary>Has a child process do its work on a lab's memory, one instruction at a time.</summary>
    /// <param name="memory">As an earlier life left it.</param>
    /// <param name="work">"round".</param>
    /// <param name="prepare">What the kernel does once the child is ready, before it begins.</param>
    internal static unsafe StoreTrace Record(LabMemory memory, string work, Action prepare) => Record(
        memory.Folder, LabMemory.FileNames(memory.Plan), memory.Control, ChildLife.Command(work, memory), prepare);

    /// <summary>Has a child process do its work on some files, one instruction at a time.</summary>
    /// <param name="folder">Where the files are.</param>
    /// <param name="fileNames">Their names; the first begins with <see cref="LabControl"/>.</param>
    /// <param name="control">That file, mapped.</param>
    /// <param name="command">The child.</param>
    /// <param name="prepare">What happens once the child is ready, before it begins.</param>
    internal static unsafe StoreTrace Record(
        string folder, IEnumerable<string> fileNames, LabControl* control, string[] command, Action prepare)
    {
        string output = Path.Combine(folder, "trace");
        string[] names = [.. fileNames.Select(name => Path.Combine(folder, name))];
        *control = default;
        var start = new ProcessStartInfo(Stepper())
        {
            RedirectStandardInput = true,
            RedirectStandardError = true,
            RedirectStandardOutput = true,
        };
        foreach (string argument in (string[])[output, .. names, "--", .. command])
        {
            start.ArgumentList.Add(argument);
        }

        using Process process = Process.Start(start)!;
        Task<string> errors = process.StandardError.ReadToEndAsync();
        for (var clock = Stopwatch.StartNew(); Volatile.Read(ref control->Thread) == 0; Thread.Yield())
        {
            Assert.False(process.HasExited, $"stepper: {(process.HasExited ? errors.Result : "")}");
            Assert.True(clock.Elapsed < Patience, "waited too long for the child");
        }

        prepare();
        var trace = new StoreTrace([.. names.Select(File.ReadAllBytes)]);
        Volatile.Write(ref control->Prepared, 1);
        Assert.True(process.WaitForExit(Patience), "the stepper takes too long");
        Assert.True(process.ExitCode == 0, errors.Result);
        trace.Read(File.ReadAllBytes(output));
        File.Delete(output);
        return trace;
    }

    /// <summary>Writes one state after the other into a folder, and calls.</summary>
    internal void Replay(string folder, LabPlan plan, Action<int> look) =>
        Replay(folder, LabMemory.FileNames(plan), look);

    /// <summary>Writes one state after the other into files of a folder, and calls.</summary>
    internal void Replay(string folder, IEnumerable<string> fileNames, Action<int> look)
    {
        byte[][] files = [.. _files.Select(file => file.ToArray())];
        string[] names = [.. fileNames.Select(name => Path.Combine(folder, name))];
        for (int state = 0; state < Count; state++)
        {
            if (state != 0)
            {
                foreach ((int file, int offset, byte[] line) in _changes[state - 1])
                {
                    line.CopyTo(files[file].AsSpan(offset));
                }
            }

            for (int i = 0; i < names.Length; i++)
            {
                File.WriteAllBytes(names[i], files[i]);
            }

            look(state);
        }
    }

    private void Read(byte[] trace)
    {
        var change = new List<(int, int, byte[])>();
        for (int at = 0; at < trace.Length;)
        {
            uint file = MemoryMarshal.Read<uint>(trace.AsSpan(at));
            int offset = MemoryMarshal.Read<int>(trace.AsSpan(at + 4));
            at += 8;
            if (file == EndOfChange)
            {
                _changes.Add(change);
                change = [];
                continue;
            }

            change.Add(((int)file, offset, trace[at..(at + LineBytes)]));
            at += LineBytes;
        }
    }

    private static string Stepper()
    {
        string source = Path.Combine(AppContext.BaseDirectory, "stepper.c");
        string program = Path.Combine(AppContext.BaseDirectory, $"stepper-{Environment.ProcessId}");
        if (!File.Exists(program))
        {
            (int code, _, string errors) = Xdp.Command.Run("clang", $"-O2 -Wall -Werror -o {program} {source}");
            Assert.True(code == 0, errors);
        }

        return program;
    }
}
