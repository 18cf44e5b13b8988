import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import software.amazon.awssdk.core.SdkBytes;
import software.amazon.awssdk.core.SdkField;
import software.amazon.awssdk.core.SdkPojo;
import software.amazon.awssdk.core.protocol.MarshallingType;
import software.amazon.awssdk.core.traits.ListTrait;
import software.amazon.awssdk.core.traits.MapTrait;
import software.amazon.awssdk.core.util.SdkAutoConstructList;
import software.amazon.awssdk.core.util.SdkAutoConstructMap;
import software.amazon.awssdk.utils.builder.Buildable;

/** The SDK's requests out of JSON, and JSON out of its answers, by the fields that they declare of themselves. */
final class Pojo {
  private static final JsonNodeFactory NODES = JsonNodeFactory.instance;

  /** What `builder` builds once it has every member of `json`. */
  static Object fill(SdkPojo builder, JsonNode json) {
    json.fieldNames().forEachRemaining((name) -> {
      SdkField<?> field = builder.sdkFields().stream().filter((each) -> each.memberName().equals(name)).findFirst()
          .orElseThrow(() -> new IllegalArgumentException("no member " + name));
      field.set(builder, value(field, json.get(name)));
    });
    return ((Buildable) builder).build();
  }

  private static Object value(SdkField<?> field, JsonNode json) {
    MarshallingType<?> type = field.marshallingType();
    if (type == MarshallingType.STRING) return json.asText();
    if (type == MarshallingType.INTEGER) return json.asInt();
    if (type == MarshallingType.LONG) return json.asLong();
    if (type == MarshallingType.DOUBLE) return json.asDouble();
    if (type == MarshallingType.BOOLEAN) return json.asBoolean();
    if (type == MarshallingType.INSTANT) return Instant.ofEpochMilli(json.get("$date").asLong());
    if (type == MarshallingType.SDK_BYTES) return bytes(json.get("$bytes"));
    if (type == MarshallingType.SDK_POJO) return fill(field.constructor().get(), json);
    if (type == MarshallingType.LIST) {
      SdkField<?> member = field.getTrait(ListTrait.class).memberFieldInfo();
      List<Object> list = new ArrayList<>();
      json.forEach((each) -> list.add(value(member, each)));
      return list;
    }
    if (type == MarshallingType.MAP) {
      SdkField<?> member = field.getTrait(MapTrait.class).valueFieldInfo();
      Map<String, Object> map = new LinkedHashMap<>();
      json.fields().forEachRemaining((each) -> map.put(each.getKey(), value(member, each.getValue())));
      return map;
    }
    throw new IllegalArgumentException(field.memberName() + " is of a type that nobody foresaw: " + type);
  }

  private static SdkBytes bytes(JsonNode base64) {
    try {
      return SdkBytes.fromByteArrayUnsafe(base64.binaryValue());
    } catch (IOException error) {
      throw new UncheckedIOException(error);
    }
  }

  /** The members that are there: a list that the SDK has put where the answer had none is none. */
  static ObjectNode read(SdkPojo pojo) {
    ObjectNode json = NODES.objectNode();
    for (SdkField<?> field : pojo.sdkFields()) {
      Object value = field.getValueOrDefault(pojo);
      if (value == null || value instanceof SdkAutoConstructList || value instanceof SdkAutoConstructMap) continue;
      json.set(field.memberName(), node(value));
    }
    return json;
  }

  private static JsonNode node(Object value) {
    if (value instanceof SdkPojo pojo) return read(pojo);
    if (value instanceof List<?> list) {
      var array = NODES.arrayNode();
      list.forEach((each) -> array.add(node(each)));
      return array;
    }
    if (value instanceof Map<?, ?> map) {
      var object = NODES.objectNode();
      map.forEach((name, each) -> object.set((String) name, node(each)));
      return object;
    }
    if (value instanceof SdkBytes bytes) {
      ObjectNode tagged = NODES.objectNode();
      tagged.put("$bytes", bytes.asByteArrayUnsafe());
      return tagged;
    }
    if (value instanceof Instant instant) return NODES.objectNode().put("$date", instant.toEpochMilli());
    if (value instanceof Integer number) return NODES.numberNode(number);
    if (value instanceof Long number) return NODES.numberNode(number);
    if (value instanceof Double number) return NODES.numberNode(number);
    if (value instanceof Boolean truth) return NODES.booleanNode(truth);
    return NODES.textNode(value.toString());
  }
}
