using Grpc.Core.Interceptors;

namespace Grpc.Core;

/// <content>What a client is made of.</content>
public abstract partial class ClientBase
{
    /// <summary>
    /// An invoker and the authority to name in calls; opaque to generated code, which only hands it on.
    /// </summary>
    protected internal class ClientBaseConfiguration
    {
        private readonly CallInvoker _undecorated;
        private readonly string? _host;

        internal ClientBaseConfiguration(CallInvoker undecorated, string? host)
        {
            ArgumentNullException.ThrowIfNull(undecorated);
            _undecorated = undecorated;
            _host = host;
        }

        internal CallInvoker CreateDecoratedCallInvoker() => _host is null
            ? _undecorated
            : new InterceptingCallInvoker(_undecorated, new HostInterceptor(_host));

        internal ClientBaseConfiguration WithHost(string host)
        {
            ArgumentNullException.ThrowIfNull(host);
            return new ClientBaseConfiguration(_undecorated, host);
        }
    }
}
