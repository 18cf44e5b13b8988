// Terraform's AWS provider with the resources of Kinesis and no others: its own packages, told what they are told by the
// whole provider, which imports every service: its build had not ended after an hour beside other work.
package main

import (
	"context"

	"github.com/hashicorp/terraform-plugin-sdk/v2/diag"
	"github.com/hashicorp/terraform-plugin-sdk/v2/helper/schema"
	"github.com/hashicorp/terraform-plugin-sdk/v2/plugin"
	"github.com/hashicorp/terraform-provider-aws/conns"
	"github.com/hashicorp/terraform-provider-aws/names"
	"github.com/hashicorp/terraform-provider-aws/service/kinesis"
)

func main() {
	plugin.Serve(&plugin.ServeOpts{ProviderFunc: provider})
}

// The arguments that streams.tf gives, as the whole provider declares them.
func provider() *schema.Provider {
	flag := &schema.Schema{Type: schema.TypeBool, Optional: true}
	return &schema.Provider{
		Schema: map[string]*schema.Schema{
			"skip_credentials_validation": flag,
			"skip_requesting_account_id":  flag,
			"skip_metadata_api_check":     flag,
			"skip_get_ec2_platforms":      flag,
			"endpoints": {
				Type:     schema.TypeSet,
				Optional: true,
				Elem: &schema.Resource{
					Schema: map[string]*schema.Schema{"kinesis": {Type: schema.TypeString, Optional: true}},
				},
			},
		},
		ResourcesMap: map[string]*schema.Resource{
			"aws_kinesis_stream":          kinesis.ResourceStream(),
			"aws_kinesis_stream_consumer": kinesis.ResourceStreamConsumer(),
		},
		DataSourcesMap: map[string]*schema.Resource{
			"aws_kinesis_stream":          kinesis.DataSourceStream(),
			"aws_kinesis_stream_consumer": kinesis.DataSourceStreamConsumer(),
		},
		ConfigureContextFunc: configure,
	}
}

func configure(ctx context.Context, data *schema.ResourceData) (interface{}, diag.Diagnostics) {
	config := conns.Config{
		Endpoints:               map[string]string{},
		MaxRetries:              25,
		SkipCredsValidation:     data.Get("skip_credentials_validation").(bool),
		SkipGetEC2Platforms:     data.Get("skip_get_ec2_platforms").(bool),
		SkipMetadataApiCheck:    data.Get("skip_metadata_api_check").(bool),
		SkipRequestingAccountId: data.Get("skip_requesting_account_id").(bool),
	}
	for _, endpoints := range data.Get("endpoints").(*schema.Set).List() {
		config.Endpoints[names.Kinesis] = endpoints.(map[string]interface{})["kinesis"].(string)
	}
	return config.Client(ctx)
}
