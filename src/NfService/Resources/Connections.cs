using Nf.Internal.V1;

namespace Nf.Service;

/// <summary>Links and bridges as the users of a socket or device.</summary>
internal sealed class Connections(ResourceOperations operations, Links links, Bridges bridges)
{
    // A request that makes another link may slip in between once; more often is an argument, not a race.
    private const int ForceAttemptsMax = 3;

    /// <summary>Deletes a socket or device, for a request that has entered and holds its name.</summary>
    /// <param name="member">The socket or device.</param>
    /// <param name="force">Delete its link or bridge first.</param>
    /// <param name="command">Makes the command, anew for every attempt.</param>
    /// <param name="cancel">Gives up.</param>
    /// <exception cref="ResourceInUseException">A link or bridge uses it and it is not forced.</exception>
    public async Task DeleteMemberAsync(
        DesiredResource member, bool force, Func<Command> command, CancellationToken cancel)
    {
        // Nobody can be forced out of an entry's program, so the link or bridge is left alone, too.
        operations.Desired.CheckNoTarget(member);
        for (int attempt = 1; force; attempt++)
        {
            foreach (DesiredResource user in operations.Desired.UsersOf(member))
            {
                await DeleteInsideAsync(user, cancel);
            }

            try
            {
                await operations.DeleteAsync(member, command, cancel);
                return;
            }
            catch (ResourceInUseException) when (attempt < ForceAttemptsMax)
            {
            }
        }

        await operations.DeleteAsync(member, command, cancel);
    }

    private Task DeleteInsideAsync(DesiredResource user, CancellationToken cancel) => user is DesiredBridge
        ? bridges.DeleteInsideAsync(user.Name, mayBeGone: true, cancel)
        : links.DeleteInsideAsync(user.Name, mayBeGone: true, cancel);
}
