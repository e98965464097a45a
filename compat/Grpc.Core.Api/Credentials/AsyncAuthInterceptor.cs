namespace Grpc.Core;

/// <summary>Adds credentials to the headers of an outgoing call.</summary>
public delegate Task AsyncAuthInterceptor(AuthInterceptorContext context, Metadata metadata);
