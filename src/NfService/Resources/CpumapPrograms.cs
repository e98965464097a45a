using Nf.Internal.V1;
using Nf.V1;

namespace Nf.Service;

/// <summary>What can be done with programs for entries of cpumaps.</summary>
internal sealed class CpumapPrograms(ResourceOperations operations)
{
    public async Task<CpumapProgram> LoadAsync(DesiredCpumapProgram program, CancellationToken cancel)
    {
        using IDisposable entered = await operations.EnterAsync(cancel);
        using IDisposable named = await operations.EnterNameAsync(program, cancel);
        if (ResourceOperations.Exists(operations.Desired.FindCpumapProgram(program.Name), program))
        {
            IEnumerable<CpumapProgram> all = await AllAsync(cancel);
            return all.First(p => p.Name == program.Name.Value);
        }

        Reply reply = await operations.CreateAsync(program, () => Commands.Load(program), cancel);
        return program.ToProto(reply.CpumapProgram.Status);
    }

    public async Task<PageOf<CpumapProgram>> ListAsync(Page? page, CancellationToken cancel) =>
        Paging.Cut(await AllAsync(cancel), program => program.Name, page);

    /// <summary>Unloads a program.</summary>
    /// <exception cref="ResourceInUseException">An entry runs it.</exception>
    public async Task UnloadAsync(ResourceName name, CancellationToken cancel)
    {
        using IDisposable entered = await operations.EnterAsync(cancel);
        using IDisposable named = await operations.EnterNameAsync(DesiredResource.CpumapProgramType, name, cancel);
        DesiredCpumapProgram program = operations.Desired.FindCpumapProgram(name)
            ?? throw new UnknownResourceException(DesiredResource.CpumapProgramType, name.Value);
        await operations.DeleteAsync(program, () => Commands.Unload(program), cancel);
    }

    private async Task<IEnumerable<CpumapProgram>> AllAsync(CancellationToken cancel)
    {
        Inventory? running = await operations.TryGetInventoryAsync(cancel);
        return ResourceOperations.Merge(
            operations.Desired.CpumapPrograms, running?.CpumapPrograms, p => p.Name,
            (wanted, found) => wanted.ToProto(found?.Status));
    }
}
