using Nf.Linux;

namespace Nf.DataPlane.UserMemories;

/// <summary>What user memory needs of the thread that it lives on.</summary>
/// <param name="Watch">Calls something whenever a descriptor can be read.</param>
/// <param name="Unwatch">Forgets a descriptor, before it is closed.</param>
/// <param name="Post">Has the control thread do something soon; from any thread.</param>
internal sealed record ControlThread(
    Action<FileDescriptor, Action> Watch, Action<FileDescriptor> Unwatch, Action<Action> Post);
