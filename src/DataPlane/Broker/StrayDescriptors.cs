using Nf.Linux;

namespace Nf.DataPlane.Broker;

/// <summary>Closes what clients sent and nobody wants. Not on the control thread: the last close of a socket that
/// lingers, or of a file that a process serves (FUSE), may wait for whoever sent it.</summary>
internal static class StrayDescriptors
{
    /// <summary>Takes all descriptors out of a list and closes them soon.</summary>
    internal static void Close(List<FileDescriptor> descriptors)
    {
        if (descriptors.Count == 0)
        {
            return;
        }

        FileDescriptor[] stray = [.. descriptors];
        descriptors.Clear();
        ThreadPool.UnsafeQueueUserWorkItem(
            static all =>
            {
                foreach (FileDescriptor one in all)
                {
                    one.Dispose();
                }
            },
            stray, preferLocal: false);
    }
}
