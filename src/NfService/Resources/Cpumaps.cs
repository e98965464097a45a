using Nf.Internal.V1;
using Nf.V1;

namespace Nf.Service;

/// <summary>What can be done with cpumaps.</summary>
internal sealed class Cpumaps(ResourceOperations operations)
{
    public async Task<Cpumap> CreateAsync(DesiredCpumap cpumap, bool validateOnly, CancellationToken cancel)
    {
        if (validateOnly)
        {
            if (!ResourceOperations.Exists(operations.Desired.FindCpumap(cpumap.Name), cpumap))
            {
                operations.Desired.Add(cpumap, checkOnly: true);
            }

            return cpumap.ToProto();
        }

        using IDisposable entered = await operations.EnterAsync(cancel);
        using IDisposable named = await operations.EnterNameAsync(cpumap, cancel);
        if (ResourceOperations.Exists(operations.Desired.FindCpumap(cpumap.Name), cpumap))
        {
            return await GetAsync(cpumap.Name, cancel);
        }

        Reply reply = await operations.CreateAsync(cpumap, () => Commands.Create(cpumap), cancel);
        cpumap = DesiredCpumap.Learn(reply.Cpumap, cpumap);
        operations.Desired.Put(cpumap);
        return cpumap.ToProto(reply.Cpumap.Status);
    }

    /// <summary>One cpumap with its entries; without a status where there is no data plane.</summary>
    /// <exception cref="UnknownResourceException">There is none.</exception>
    public async Task<Cpumap> GetAsync(ResourceName name, CancellationToken cancel)
    {
        IEnumerable<Cpumap> all = await AllAsync(cancel);
        return all.FirstOrDefault(c => c.Name == name.Value)
            ?? throw new UnknownResourceException(DesiredResource.CpumapType, name.Value);
    }

    public async Task<PageOf<Cpumap>> ListAsync(Page? page, CancellationToken cancel) =>
        Paging.Cut(await AllAsync(cancel), cpumap => cpumap.Name, page);

    /// <summary>Deletes a cpumap.</summary>
    /// <exception cref="ResourceInUseException">A steering or an endpoint names it.</exception>
    public async Task DeleteAsync(ResourceName name, CancellationToken cancel)
    {
        using IDisposable entered = await operations.EnterAsync(cancel);
        using IDisposable named = await operations.EnterNameAsync(DesiredResource.CpumapType, name, cancel);
        DesiredCpumap cpumap = Find(name);
        await operations.DeleteAsync(cpumap, () => Commands.Delete(cpumap), cancel);
    }

    /// <summary>Sets the entry of a CPU, or removes it where its queue size is 0.</summary>
    /// <exception cref="UnknownResourceException">There is no such cpumap.</exception>
    public async Task<CpumapEntryDone> UpdateEntryAsync(CpumapEntryUpdate update, CancellationToken cancel)
    {
        using IDisposable entered = await operations.EnterAsync(cancel);
        using IDisposable named = await operations.EnterNameAsync(DesiredResource.CpumapType, update.Cpumap, cancel);
        DesiredCpumap before = Find(update.Cpumap);
        update.CheckBackend(before.Backend);
        if (update.Entry.QueueSize > 0)
        {
            // First, so that nobody unloads its program or deletes what it redirects to meanwhile.
            operations.Desired.Put(before.With(update.Entry));
        }

        Reply reply;
        try
        {
            reply = await operations.CallAsync(() => Commands.Update(update), cancel);
        }
        catch
        {
            operations.Desired.Put(before);
            throw;
        }

        operations.Desired.Put(before.With(update.Entry));
        CpumapEntrySpec entry = update.Entry;
        operations.TellChange(before, entry.QueueSize == 0
            ? $"entry of CPU {entry.Cpu} removed"
            : $"entry of CPU {entry.Cpu} set: a queue of {entry.QueueSize}{Describe(entry.Program)}");
        return reply.CpumapEntry;
    }

    /// <summary>Removes the entry of a CPU; nothing happens when there is none.</summary>
    /// <exception cref="UnknownResourceException">There is no such cpumap.</exception>
    public async Task<CpumapEntryDone> DeleteEntryAsync(
        ResourceName name, uint cpu, TimeSpan drainTimeout, CancellationToken cancel)
    {
        using IDisposable entered = await operations.EnterAsync(cancel);
        using IDisposable named = await operations.EnterNameAsync(DesiredResource.CpumapType, name, cancel);
        DesiredCpumap before = Find(name);
        Reply reply = await operations.CallAsync(() => Commands.DeleteEntry(before, cpu, drainTimeout), cancel);
        operations.Desired.Put(before.Without(cpu));
        if (before.Entries.ContainsKey(cpu))
        {
            operations.TellChange(before, $"entry of CPU {cpu} removed");
        }

        return reply.CpumapEntry;
    }

    private static string Describe(CpumapEntryProgram? program) => program?.ProgramCase switch
    {
        CpumapEntryProgram.ProgramOneofCase.Builtin =>
            $", program {MetricNames.Snake(program.Builtin.ToString())}",
        CpumapEntryProgram.ProgramOneofCase.Loaded => $", program \"{program.Loaded}\"",
        _ => "",
    };

    private DesiredCpumap Find(ResourceName name) => operations.Desired.FindCpumap(name)
        ?? throw new UnknownResourceException(DesiredResource.CpumapType, name.Value);

    private async Task<IEnumerable<Cpumap>> AllAsync(CancellationToken cancel)
    {
        Inventory? running = await operations.TryGetInventoryAsync(cancel);
        return ResourceOperations.Merge(
            operations.Desired.Cpumaps, running?.Cpumaps, c => c.Name,
            (wanted, found) => wanted.ToProto(found?.Status));
    }
}
