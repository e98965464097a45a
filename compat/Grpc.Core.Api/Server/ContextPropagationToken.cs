namespace Grpc.Core;

/// <summary>Deadline and cancellation of a call, to be handed on. The ASP.NET Core server makes none.</summary>
public abstract class ContextPropagationToken;
