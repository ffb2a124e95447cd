import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.InetSocketAddress;
import java.net.ProxySelector;

/** GET over HTTPS through a proxy, trusting what JAVA_TOOL_OPTIONS says: host and port of the proxy, then URLs. */
public class Client {
  public static void main(String[] args) throws Exception {
    var proxy = ProxySelector.of(new InetSocketAddress(args[0], Integer.parseInt(args[1])));
    var client = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).proxy(proxy).build();
    for (int i = 2; i < args.length; i++) {
      var answer = client.send(HttpRequest.newBuilder(URI.create(args[i])).build(), HttpResponse.BodyHandlers.ofString());
      System.out.println(answer.statusCode() + " " + answer.body());
    }
  }
}
